package repository

// point is a place in the work on the files at which a test can make the store
// meet an error, wait, or end its process.
type point string

// The points, in the order in which one entry meets them.
const (
	beforeGrow    point = "before the journal grows"
	beforeWrite   point = "before a group is written"
	beforeFlush   point = "a group is written and not flushed"
	afterFlush    point = "a group is flushed and not published"
	beforeAnswer  point = "a group is published and not answered"
	beforeRename  point = "the next journal file is complete and has no name"
	afterRename   point = "the next journal file has a name that is not flushed"
	beforeFinish  point = "the next journal file is open and the last one is not finished"
	beforeFooter  point = "a journal file is cut and has no footer"
	footerWritten point = "the footer is written and not flushed"
	beforeApply   point = "before a transaction of the record"
	beforeCommit  point = "a transaction of the record is written and not committed"
	afterCommit   point = "a transaction of the record is committed and not published"
	beforeDay     point = "a file of the window is complete and has no name"
	beforeRun     point = "before a run of the window is written"
	afterRun      point = "a run of the window is written"
	beforeClose   point = "the window is flushed and no file is closed"
	recordClosed  point = "the record is closed and the journal is not"
	beforeReopen  point = "before the last journal file is opened for writing"
	afterReopen   point = "the last journal file is open for writing"
)

// reach asks the test, if there is one, what happens at a point.
func (v *vault) reach(p point) error {
	if v.seam.at == nil {
		return nil
	}
	return v.seam.at(p)
}
