package repository

import (
	"context"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
)

// Filed is one thing that the record holds of a message. It says nothing of the
// patient, for it is shown without a ticket.
type Filed struct {
	Kind    string // result, document
	Order   int    // of a result: the number of its order in the message
	Status  string // OBR-25, or the trigger event of a document
	First   bool   // the version with which the result or document began
	InForce bool   // of a first version: it is the current one
}

// Filed returns what the record holds of a message with so many orders at most.
// A message that was released from quarantine is filed under the entry of its
// release.
func (s *Store) Filed(ctx context.Context, seq lockport.Seq, orders int) (all []Filed, err error) {
	err = s.view(ctx, s.End(), func(v *view) error {
		for n := 1; n <= orders; n++ {
			f, found, err := v.filedResult(clinical.VersionKey(seq, n))
			if err != nil {
				return err
			}
			if f.Order = n; found {
				all = append(all, f)
			}
		}
		var d clinical.DocumentVersion
		found, err := v.Get(lockport.TableDocumentVersions, seq.Key(), &d)
		if found {
			all = append(all, Filed{Kind: "document", Status: d.Trigger, First: d.Trigger == "T01" || d.Trigger == "T02"})
		}
		return err
	})
	return all, err
}

// filedResult looks for the version of a result under its key.
func (v *view) filedResult(key []byte) (f Filed, found bool, err error) {
	var r clinical.Result
	if found, err = v.Get(lockport.TableResults, key, &r); err != nil || found {
		first := r.FirstVersion()
		return Filed{Kind: "result", Status: first.Status, First: true, InForce: r.Current == 0}, found, err
	}
	var later clinical.Version
	found, err = v.Get(lockport.TableResultVersions, key, &later)
	return Filed{Kind: "result", Status: later.Status}, found, err
}
