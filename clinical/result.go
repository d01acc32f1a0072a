package clinical

import (
	"fmt"
	"time"

	"github.com/lockport-hie/lockport"
)

// Report is one result as it is handed out.
type Report struct {
	Result   Result
	Versions []Version // the current view: exactly one, merged; or every version as received, oldest first
}

// Format keeps the content out of everything that prints.
func (Report) Format(f fmt.State, _ rune) { fmt.Fprint(f, "result report") }

// ResultHead is what a message says about the order a version belongs to.
type ResultHead struct {
	Token        lockport.Token
	Registration lockport.RegistrationID
	Service      Coded     // OBR-4
	Collected    time.Time // OBR-7; zero when not sent
	Source       Source
}

// Newer reports whether a is newer than b.
func Newer(a, b VersionRef) bool { return false }

// AddVersion adds a version to a result.
func AddVersion(existing *Result, v Version, head ResultHead) (r Result, changedCurrent bool, err error) {
	return Result{}, false, nil
}

// CurrentView merges the versions of one result into what counts.
func CurrentView(versions []Version) Version { return Version{} }

// Summarise makes the index row of a result from its current view.
func Summarise(view Version, r Result) ResultSummary { return ResultSummary{} }
