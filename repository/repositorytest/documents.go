package repositorytest

import (
	"errors"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
)

// papers gives registrations 1, 3 and 4 of the region a document each, of two
// events: the second says less and has no text. That of 3 is later, and obsolete.
func papers(tx lockport.Tx, e *lockport.Entry) error {
	errs := []error{region(tx, e)}
	if e.Kind != lockport.EntryMessage {
		return errors.Join(errs...)
	}
	put := func(t lockport.Table, key []byte, row any) { errs = append(errs, tx.Put(t, key, row)) }
	for _, reg := range []lockport.RegistrationID{1, 3, 4} {
		token := tx.Token("document", string(reg.Key()))
		first, second := 100*lockport.Seq(reg), 100*lockport.Seq(reg)+1
		d := clinical.Document{
			Token: token, Registration: reg, Activity: at.Add(time.Duration(reg) * time.Hour), Availability: clinical.Available,
			Events: []clinical.DocumentEvent{{Seq: first}, {Seq: second}}, Header: second, Content: first,
		}
		if reg == 3 {
			d.Availability = clinical.Obsolete
		}
		summary := clinical.SummariseDocument(d)
		put(lockport.TableDocuments, token[:], &d)
		put(lockport.TablePatientDocuments, clinical.DocumentIndexKey(reg, d.Activity, token), &summary)
		put(lockport.TableDocumentVersions, first.Key(), &clinical.DocumentVersion{Seq: first, Head: []byte("h1"), Content: []byte("text"), Encoding: clinical.Encoding{Charset: "c1"}})
		put(lockport.TableDocumentVersions, second.Key(), &clinical.DocumentVersion{Seq: second, Head: []byte("h2")})
	}
	return errors.Join(errs...)
}

func documents(t *testing.T, open Open) {
	s := start(t, open, papers)
	must(t, s, message("region"), directive(identifier("a"), consent.Give, "p"))
	ticket := openTicket(t, s, "a")
	found, err := s.Documents(t.Context(), ticket, clinical.DocumentFilter{})
	if err != nil || len(found) != 1 || found[0].Document.Registration != 1 || len(found[0].Versions) != 1 {
		t.Fatalf("%d documents, %v; want the one in force", len(found), err)
	}
	v := found[0].Versions[0]
	if string(v.Head) != "h2" || string(v.Content) != "text" || v.ContentEncoding.Charset != "c1" {
		t.Error("the current version is not the latest header with the text in force")
	}
	found, err = s.Documents(t.Context(), ticket, clinical.DocumentFilter{AllVersions: true})
	if err != nil || len(found) != 2 || found[0].Document.Registration != 3 || len(found[0].Versions) != 2 || string(found[0].Versions[0].Content) != "text" {
		t.Errorf("%d documents with history, %v; want two, the latest first", len(found), err)
	}
	if found, err := s.Documents(t.Context(), openTicket(t, s, "d"), clinical.DocumentFilter{}); lockport.KindOf(err) != lockport.Refused || len(found) > 0 {
		t.Error("a document leaves without consent", err)
	}
}
