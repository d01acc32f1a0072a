package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
)

// newConsent makes "lockport consent".
func newConsent(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "consent",
		Short: "Record and explain what patients allow",
		Long: `A directive is one decision of a patient, in writing: which participant, or the whole
community, may see the record. It counts from the moment it is recorded. These commands need
the role privacy-officer.`,
	}
	cmd.AddCommand(newConsentRecord(env), newConsentList(env), newConsentShow(env), newConsentVoid(env), newConsentExplain(env))
	return cmd
}

const consentRecordHelp = `Record what a patient has signed. When the command returns, the decision is on disk and no
byte that it forbids leaves any more.

give lets the participant see the record; emergency-only does so in an emergency; deny never,
not even then; withdraw takes back what was said. --community is for all participants.`

// consentRecordOptions are the flags of "consent record".
type consentRecordOptions struct {
	question recordConsentQuestion
	evidence string
}

// newConsentRecord makes "lockport consent record".
func newConsentRecord(env *environment) *cobra.Command {
	var o consentRecordOptions
	cmd := &cobra.Command{
		Use:   "record --patient CX --participant ID|--community --decision DECISION --signed DATE",
		Short: "Record a signed decision",
		Long:  consentRecordHelp,
		Example: `  lockport consent record --patient 'MR1001^^^UPSTATE' --participant famcare --decision give --signed 2025-03-01
  lockport consent record --patient 'MR1001^^^UPSTATE' --community --decision deny --signed 2025-03-02 --evidence form.pdf`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := o.read(env)
			if err != nil {
				return err
			}
			done, err := call[sequenceAnswer](cmd.Context(), env, pathConsentRecord, q)
			if err != nil {
				return err
			}
			return env.show(done, func(t *table) { t.add("recorded as", done.Sequence) })
		},
	}
	flags := cmd.Flags()
	q := &o.question
	flags.StringVar(&q.Patient, "patient", "", "identifier on the form, 'ID^^^AUTHORITY'")
	flags.StringVar((*string)(&q.Participant), "participant", "", "participant that the decision is about")
	flags.BoolVar(&q.Community, "community", false, "the decision is about all participants")
	flags.Var(newChoice((*string)(&q.Decision), "", "give", "emergency-only", "deny", "withdraw"), "decision", "what the patient decided")
	flags.StringVar(&q.Signed, "signed", "", "when it was signed: a day, YYYY-MM-DD, or a time, RFC 3339")
	flags.StringVar((*string)(&q.Effective), "effective", "", "first day that it counts")
	flags.StringVar((*string)(&q.Until), "until", "", "last day that it counts")
	flags.StringVar(&q.Form, "form", "", "form and version")
	flags.StringSliceVar(&q.Covers, "covers", nil, "what the form covers: general, part2, hiv, mental-health, minor-consented")
	flags.StringVar(&o.evidence, "evidence", "", "file with the signed form")
	flags.StringVar(&q.Signer, "signer", "", "who signed: self, parent, guardian, health-care-agent, next-of-kin, conservator")
	flags.StringVar(&q.Visit, "visit", "", "visit that a minor's own consent is good for")
	require(cmd, "patient", "decision", "signed")
	return cmd
}

// read checks the flags and loads the evidence.
func (o consentRecordOptions) read(env *environment) (recordConsentQuestion, error) {
	q := o.question
	if (q.Participant == "") == !q.Community {
		return q, usagef("say --participant ID or --community, one of the two")
	}
	if o.evidence == "" {
		return q, nil
	}
	var err error
	q.Evidence, err = env.readInput(o.evidence)
	sum := sha256.Sum256(q.Evidence)
	q.EvidenceSum = hex.EncodeToString(sum[:])
	return q, err
}

// newConsentList makes "lockport consent list".
func newConsentList(env *environment) *cobra.Command {
	var q listConsentQuestion
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List recorded decisions, newest first",
		Long: `List recorded decisions, newest first: all of them without naming patients, or those on any
identifier of one patient.`,
		Example: `  lockport consent list --limit 20
  lockport consent list --patient 'MR1001^^^UPSTATE' --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := call[[]shownDirective](cmd.Context(), env, pathConsentList, q)
			if err != nil {
				return err
			}
			return env.show(all, func(t *table) {
				t.head = []string{"sequence", "recorded", "authority", "scope", "decision", "signed", "by", "state"}
				for _, d := range all {
					t.add(d.Sequence, d.Recorded, d.Authority, d.scope(), d.Decision, d.Signed, or(d.Operator, string(d.Application)), d.state())
				}
			})
		},
	}
	cmd.Flags().StringVar(&q.Patient, "patient", "", "only this patient, 'ID^^^AUTHORITY'")
	limitFlag(cmd, &q.Limit)
	return cmd
}

// defaultLimit is how many lines a list has unless told otherwise.
const defaultLimit = 50

// newConsentShow makes "lockport consent show".
func newConsentShow(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "show SEQUENCE",
		Short:   "Show one recorded decision",
		Long:    "Show one recorded decision without the patient's identifier.",
		Example: "  lockport consent show 4711",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := parseSeq(args[0])
			if err != nil {
				return err
			}
			d, err := call[shownDirective](cmd.Context(), env, pathConsentShow, sequenceQuestion{Sequence: seq})
			if err != nil {
				return err
			}
			return env.show(d, func(t *table) {
				t.add("sequence", d.Sequence)
				t.add("recorded", d.Recorded)
				t.add("authority", d.Authority)
				t.add("scope", d.scope())
				t.add("decision", d.Decision)
				t.add("signed", d.Signed)
				t.add("effective", d.Effective)
				t.add("until", d.Until)
				t.add("form", d.Form)
				t.add("covers", joinWords(d.Covers))
				t.add("signer", d.Signer)
				t.add("evidence", d.EvidenceSum)
				t.add("by", or(d.Operator, string(d.Application)))
				t.add("state", d.state())
			})
		},
	}
}

// newConsentVoid makes "lockport consent void".
func newConsentVoid(env *environment) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "void SEQUENCE --reason TEXT",
		Short: "Mark a decision as entered in error",
		Long: `Mark a recorded decision as entered in error. It no longer counts and stays visible. To record
that a patient changed his or her mind, record a new decision instead.`,
		Example: "  lockport consent void 4711 --reason 'wrong patient on the form'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := parseSeq(args[0])
			if err != nil {
				return err
			}
			done, err := call[sequenceAnswer](cmd.Context(), env, pathConsentVoid, sequenceQuestion{Sequence: seq, Reason: reason})
			if err != nil {
				return err
			}
			return env.show(done, func(t *table) { t.add("recorded as", done.Sequence) })
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	require(cmd, "reason")
	return cmd
}

// newConsentExplain makes "lockport consent explain".
func newConsentExplain(env *environment) *cobra.Command {
	var q explainQuestion
	var at string
	cmd := &cobra.Command{
		Use:   "explain --patient CX --participant ID",
		Short: "Say what would be decided, and why",
		Long: `Decide as the gate would, release nothing, and print the decision with every step that led to
it. --at asks how it stood at an earlier time.`,
		Example: `  lockport consent explain --patient 'MR1001^^^UPSTATE' --participant famcare
  lockport consent explain --patient 'MR1001^^^UPSTATE' --participant upstate --purpose ETREAT --clinician 1234567893 --at 2025-03-01T12:00:00-05:00`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if at != "" {
				if q.At, err = parseMoment(at); err != nil {
					return err
				}
			}
			answer, err := call[explainAnswer](cmd.Context(), env, pathConsentExplain, q)
			if err != nil {
				return err
			}
			return env.show(answer, func(t *table) { answer.draw(env, t) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.Patient, "patient", "", "the patient's identifier, 'ID^^^AUTHORITY'")
	flags.StringVar((*string)(&q.Participant), "participant", "", "participant that asks")
	flags.StringVar((*string)(&q.Purpose), "purpose", string(lockport.Treatment), "purpose of use")
	flags.StringVar((*string)(&q.Clinician), "clinician", "", "NPI of the clinician who asks")
	flags.StringVar(&at, "at", "", "a day, YYYY-MM-DD, or a time, RFC 3339 (default the present)")
	require(cmd, "patient", "participant")
	return cmd
}

// draw fills the table of a decision.
func (a explainAnswer) draw(env *environment, t *table) {
	shade := green
	if a.Decision == consent.Deny.String() {
		shade = red
	}
	t.add("decision", env.paint(shade, a.Decision))
	t.add("reason", a.Reason)
	t.add("patient known", a.Known)
	if a.Basis != 0 {
		t.add("directive", a.Basis)
	}
	if a.Grant != 0 {
		t.add("emergency access", a.Grant)
	}
	if len(a.Covers) > 0 {
		t.add("covers", joinWords(a.Covers))
	}
	for _, s := range a.Trace {
		detail := string(s.Result)
		if s.Value != "" {
			detail = fmt.Sprintf("%s: %s", s.Value, s.Result)
		}
		if s.Directive != 0 {
			detail += fmt.Sprintf(" (directive %d)", s.Directive)
		}
		t.add("  "+s.Cell, detail)
	}
}

// parseMoment reads a day, which means its end in the region, or a time.
func parseMoment(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	zone, err := time.LoadLocation(lockport.RegionZone)
	if err != nil {
		return time.Time{}, lockport.Errorf(lockport.Internal, "time zone", "%w", err)
	}
	day, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		return time.Time{}, usagef("%q is neither a day, YYYY-MM-DD, nor a time, RFC 3339", text)
	}
	return day.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
}
