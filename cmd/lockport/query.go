package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
)

// newQuery makes "lockport query".
func newQuery(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query",
		Short: "Ask for a patient's record as a provider's application does",
		Long: `Send one HL7 query over MLLP and print the records of the reply. The server decides by the
patient's consent, and writes down who asked for what, before it answers.`,
	}
	cmd.AddCommand(newQueryResults(env), newQueryDocuments(env))
	return cmd
}

const queryResultsHelp = `Ask for a patient's results from all locations (QBP^ZR1, answered by RSP^ZR2).

--patient is an identifier as in CX, --as names the asking application as it is registered.
--purpose is TREAT unless stated; ETREAT is an emergency, and needs --clinician,
--emergency-reason and --attest.

The exit code is 0 with at least one record, 3 when the reply carries none, 1 when the
server refused the query, 4 when nobody answers.`

// queryOptions are the flags of query.
type queryOptions struct {
	to        string
	as        string
	receiver  string
	patient   string
	from      string
	until     string
	codes     []string
	purpose   string
	clinician string
	reason    string
	attest    string
	limit     int
	raw       bool
	documents bool // documents instead of results
	tls       tlsFlags
}

// newQueryResults makes "lockport query results".
func newQueryResults(env *environment) *cobra.Command {
	var o queryOptions
	cmd := &cobra.Command{
		Use:   "results --to ADDR --as 'APP|FACILITY' --patient 'ID^^^AUTHORITY'",
		Short: "Ask for a patient's results",
		Long:  queryResultsHelp,
		Example: `  lockport query results --to 127.0.0.1:2575 --as 'EHR|FAMCARE' --patient 'MR1001^^^UPSTATE'
  lockport query results --to 127.0.0.1:2575 --as 'EHR|FAMCARE' --patient 'MR1001^^^UPSTATE' \
      --from 2025-01-01 --code 4548-4^^LN --clinician 1234567893 --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.queryRecords(cmd.Context(), o) },
	}
	o.flags(cmd, "only this test, 'CODE^NAME^SYSTEM' (may be repeated)")
	return cmd
}

// newQueryDocuments makes "lockport query documents".
func newQueryDocuments(env *environment) *cobra.Command {
	o := queryOptions{documents: true}
	cmd := &cobra.Command{
		Use:   "documents --to ADDR --as 'APP|FACILITY' --patient 'ID^^^AUTHORITY'",
		Short: "Ask for a patient's documents",
		Long: `Ask for a patient's documents in force from all locations (QBP^ZD1, answered by RSP^ZD2).
Flags and exit codes are those of "lockport query results".`,
		Example: "  lockport query documents --to 127.0.0.1:2575 --as 'EHR|FAMCARE' --patient 'MR1001^^^UPSTATE' --code DS",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.queryRecords(cmd.Context(), o) },
	}
	o.flags(cmd, "only this document type, table 0270 (may be repeated)")
	return cmd
}

// flags adds what every query of a patient's record takes.
func (o *queryOptions) flags(cmd *cobra.Command, code string) {
	flags := cmd.Flags()
	flags.StringVar(&o.to, "to", "", "MLLP address of the exchange, host:port")
	flags.StringVar(&o.as, "as", "", "asking application, 'MSH-3|MSH-4'")
	flags.StringVar(&o.receiver, "receiver", "LOCKPORT|HIE", "asked application, 'MSH-5|MSH-6'")
	flags.StringVar(&o.patient, "patient", "", "the patient's identifier, 'ID^^^AUTHORITY'")
	flags.StringVar(&o.from, "from", "", "first day, YYYY-MM-DD")
	flags.StringVar(&o.until, "until", "", "last day, YYYY-MM-DD")
	flags.StringArrayVar(&o.codes, "code", nil, code)
	flags.StringVar(&o.purpose, "purpose", "", "purpose of use: TREAT, ETREAT, HOPERAT, PUBHLTH or PATRQT")
	flags.StringVar(&o.clinician, "clinician", "", "NPI of the clinician who asks")
	flags.StringVar(&o.reason, "emergency-reason", "", "code of the emergency")
	flags.StringVar(&o.attest, "attest", "", "the clinician's statement that there is an emergency")
	flags.IntVar(&o.limit, "limit", 50, "records to ask for")
	flags.BoolVar(&o.raw, "raw", false, "print the reply as it came")
	o.tls.add(flags)
	require(cmd, "to", "as", "patient")
}

// profile is the query's name in QPD-1 and MSH-9, with its text.
func (o queryOptions) profile() (name, text string) {
	if o.documents {
		return "ZD1", "Documents Query"
	}
	return "ZR1", "Results Query"
}

// build makes the query message (QBP^ZR1^QBP_Q11 or QBP^ZD1^QBP_Q11).
func (o queryOptions) build(now time.Time, id string) ([]byte, error) {
	app, facility, ok := strings.Cut(o.as, "|")
	if !ok || app == "" {
		return nil, usagef("--as wants 'APP|FACILITY'")
	}
	toApp, toFacility, _ := strings.Cut(o.receiver, "|")
	from, err := queryDay("from", o.from)
	if err != nil {
		return nil, err
	}
	until, err := queryDay("until", o.until)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"patient": o.patient, "code": strings.Join(o.codes, "")} {
		if strings.ContainsAny(text, "|~\r\n\v\x1c") {
			return nil, usagef("--%s holds a character that cannot stand in one field", name)
		}
	}
	name, text := o.profile()
	b := hl7.NewBuilder(hl7.DefaultDelimiters(), "UNICODE UTF-8")
	msh := b.Segment("MSH")
	msh.SetRaw(3, []byte(app)).SetRaw(4, []byte(facility)).SetRaw(5, []byte(toApp)).SetRaw(6, []byte(toFacility))
	msh.Set(7, hl7.FormatTime(now, hl7.Second)).Set(9, "QBP", name, "QBP_Q11").Set(10, id).Set(11, "P").Set(12, "2.5.1")
	msh.Set(21, name, "LOCKPORT")
	qpd := b.Segment("QPD")
	qpd.Set(1, name, text, "LOCKPORT").Set(2, id).SetRaw(3, []byte(o.patient)).Set(4, from).Set(5, until)
	qpd.SetRaw(6, []byte(strings.Join(o.codes, "~")))
	if o.purpose != "" {
		qpd.Set(7, o.purpose, "", "ActReason")
	}
	if o.clinician != "" {
		qpd.Set(8, o.clinician, "", "", "", "", "", "", "", "", "", "", "", "NPI")
	}
	if o.reason != "" {
		qpd.Set(9, o.reason, "", "LOCKPORT")
	}
	qpd.Set(10, o.attest)
	b.Segment("RCP").Set(1, "I").Set(2, fmt.Sprint(o.limit), "RD").Set(3, "R")
	return b.Bytes(), nil
}

// queryDay turns a day of the command line into one of HL7.
func queryDay(flag, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	day, err := lockport.ParseDate(text)
	if err != nil {
		return "", usagef("--%s wants a day, YYYY-MM-DD", flag)
	}
	return strings.ReplaceAll(string(day), "-", ""), nil
}

// queryRecords asks and prints.
func (env *environment) queryRecords(ctx context.Context, o queryOptions) error {
	question, err := o.build(env.Now(), newControlID())
	if err != nil {
		return err
	}
	config, err := o.tls.client()
	if err != nil {
		return err
	}
	client := &mllp.Client{Address: o.to, TLS: config, Match: matches, MaxFrame: maxFrameSent}
	defer client.Close()
	reply, err := client.Exchange(ctx, question)
	if err != nil {
		return notAnswered(o.to, err)
	}
	m, err := hl7.Parse(reply)
	if err != nil {
		return lockport.Errorf(lockport.Internal, "", "the answer is not HL7: %w", err)
	}
	return env.showReply(m, o.raw)
}

// notAnswered explains why a query has no answer.
func notAnswered(to string, err error) error {
	var failed *mllp.SendError
	if errors.As(err, &failed) && !failed.Written {
		return lockport.Errorf(lockport.Unreachable, "", "nobody answers at %s: %w", to, err)
	}
	return lockport.Errorf(lockport.Internal, "", "%s gave no answer: %w", to, err)
}

// newControlID makes an MSH-10 of at most 20 characters, which every version can take.
func newControlID() string { return "Q" + rand.Text()[:19] }

// showReply prints the records of a reply and says by the exit code what it was.
func (env *environment) showReply(m *hl7.Message, raw bool) error {
	code, status := hl7.AckCode(m.First("MSA").Text(1)), m.First("QAK").Text(2)
	if raw {
		for _, s := range m.Segments() {
			fmt.Fprintln(env.Out, printable(string(s.Raw())))
		}
	}
	if !code.Positive() {
		return refusedReply(m, code)
	}
	records, err := env.showRecords(m, raw)
	if err != nil {
		return err
	}
	if m.First("DSC").Field(1).Valued() {
		env.notef("there is more: narrow --from and --until, or raise --limit")
	}
	if records == 0 {
		env.notef("no record: %s", queryStatusText(status))
		return &errSilent{lockport.Refused}
	}
	return nil
}

// showRecords prints the records of a reply unless they were printed as they came,
// and says how many there are.
func (env *environment) showRecords(m *hl7.Message, raw bool) (n int, err error) {
	if m.Header().Component(9, 2).Is("ZD2") {
		documents := readDocuments(m)
		if !raw {
			err = env.showDocuments(documents)
		}
		return len(documents), err
	}
	reports := readReports(m)
	if !raw {
		err = env.showReports(reports)
	}
	return len(reports), err
}

// refusedReply is the error of a reply that is not positive. An unknown patient looks like
// any other reply without a record; everything else is a failure.
func refusedReply(m *hl7.Message, code hl7.AckCode) error {
	kind, what := lockport.Internal, ""
	if e := m.First("ERR"); e.Component(3, 1).Is("204") && aboutPatient(e) {
		kind, what = lockport.Refused, "no record: "
	}
	return lockport.Errorf(kind, "", "%sthe exchange answered %s %s", what, cell(string(code)), refusalText(m))
}

// aboutPatient reports whether an ERR is about the patient's identifier, or names no place.
func aboutPatient(e hl7.Segment) bool {
	switch e.Component(2, 1).Text() + "-" + e.Component(2, 3).Text() {
	case "-", "QPD-3", "QRD-8":
		return true
	}
	return false
}

// queryStatusText explains QAK-2 (table 0208).
func queryStatusText(status string) string {
	switch status {
	case "NF", "OK", "":
		return "nothing was found, or nothing may be shown"
	case "PD":
		return "the patient has not allowed it"
	}
	return "the exchange answered status " + printable(status)
}
