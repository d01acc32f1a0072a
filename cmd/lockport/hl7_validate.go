package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
)

// newHL7Validate makes "lockport hl7 validate".
func newHL7Validate(env *environment) *cobra.Command {
	var errorsOnly bool
	cmd := &cobra.Command{
		Use:   "validate FILE|-",
		Short: "Say where messages do not conform to the standard",
		Long: `Check every message of a file, batch or stream against HL7 v2.3 to 2.8.2: the segments of its
event and their order, required fields, data types and value tables. What one of the
versions allows is allowed. Each finding names its place and never shows content; its code
is one of table 0357 and its severity E (error), W (warning: doubtful, or outside of a
table that sites extend) or I (information, such as a segment that the event does not have).
The exit code is 1 when an error is found or the input is not HL7.`,
		Example: `  lockport hl7 validate admit.hl7
  lockport hl7 validate results.hl7 --errors-only
  cat admit.hl7 | lockport hl7 validate - --output json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return env.validate(args[0], !errorsOnly) },
	}
	cmd.Flags().BoolVar(&errorsOnly, "errors-only", false, "leave warnings and information out")
	return cmd
}

// finding is what "hl7 validate" says about one place. Messages are counted from 1 in the
// order of the input.
type finding struct {
	Message  int    `json:"message"`
	Place    string `json:"place"`
	Severity string `json:"severity"`
	Code     int    `json:"code"`
	Text     string `json:"text"`
}

// validate prints what is wrong with the messages of a file.
func (env *environment) validate(name string, everything bool) error {
	content, err := env.readInput(name)
	if err != nil {
		return err
	}
	profile, err := hl7.NewProfile(hl7.Rules{})
	if err != nil {
		return lockport.Errorf(lockport.Internal, "profile", "%w", err)
	}
	found, messages, errors := findings(content, profile, everything)
	if messages == 0 {
		_, err := firstMessage(content)
		return lockport.Errorf(lockport.Invalid, name, "not an HL7 v2 message: %w", err)
	}
	err = env.show(found, func(t *table) {
		t.head = []string{"message", "place", "severity", "code", "finding"}
		for _, f := range found {
			t.add(f.Message, f.Place, f.Severity, f.Code, f.Text)
		}
	})
	if err != nil {
		return err
	}
	env.notef("%s, %s, %s", plural(messages, "message"), plural(errors, "error"), plural(len(found)-errors, "other finding"))
	if errors > 0 {
		return &errSilent{lockport.Invalid}
	}
	return nil
}

// findings validates every message and counts messages and errors.
func findings(content []byte, profile *hl7.Profile, everything bool) (found []finding, messages, errors int) {
	found = []finding{}
	add := func(f finding) {
		if f.Severity == "E" {
			errors++
		}
		if f.Severity == "E" || everything {
			found = append(found, f)
		}
	}
	for part, err := range hl7.Split(content) {
		var m *hl7.Message
		if err == nil {
			messages++
			m, err = hl7.Parse(part)
		}
		if err != nil {
			add(finding{Message: messages, Severity: "E", Code: 100, Text: fmt.Sprint(err)})
			continue
		}
		for _, p := range m.Validate(profile) {
			add(finding{Message: messages, Place: p.Location.String(), Severity: string(rune(p.Severity)), Code: p.Code, Text: p.Text})
		}
	}
	return found, messages, errors
}
