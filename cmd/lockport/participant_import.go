package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

const participantImportHelp = `Register many organisations at once, all of them or none. FILE is JSON as "participant list
--output json" prints it, or CSV with a line of names: id, name, type, and if wanted county,
joined and emergency_capable (yes or no).`

// newParticipantImport makes "lockport participant import".
func newParticipantImport(env *environment) *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Register organisations from CSV or JSON",
		Long:  participantImportHelp,
		Example: `  lockport participant import region.csv
  lockport participant list --output json | lockport --dir other participant import -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := env.readInput(args[0])
			if err != nil {
				return err
			}
			list, err := readParticipants(content)
			if err != nil {
				return lockport.Errorf(lockport.Invalid, args[0], "%w", err)
			}
			q := changeQuestion{Replace: replace}
			for _, p := range list {
				q.Changes = append(q.Changes, directory.Change{Op: directory.Put, Participant: &p})
			}
			return env.change(cmd, q)
		},
	}
	replaceFlag(cmd, &replace)
	return cmd
}

// readParticipants reads JSON or CSV.
func readParticipants(content []byte) ([]directory.Participant, error) {
	if trimmed := bytes.TrimSpace(content); len(trimmed) > 0 && trimmed[0] == '[' {
		var list []directory.Participant
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&list); err != nil {
			return nil, err
		}
		return list, nil
	}
	return readParticipantsCSV(content)
}

// readParticipantsCSV reads a table whose first line names the columns.
func readParticipantsCSV(content []byte) ([]directory.Participant, error) {
	r := csv.NewReader(bytes.NewReader(content))
	r.TrimLeadingSpace = true
	head, err := r.Read()
	if err != nil {
		return nil, errors.New("there is no line with the names of the columns")
	}
	known := []string{"id", "name", "type", "county", "joined", "emergency_capable"}
	for i, name := range head {
		head[i] = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(known, head[i]) {
			return nil, fmt.Errorf("line 1: there is no column %q: use %s", name, strings.Join(known, ", "))
		}
	}
	var list []directory.Participant
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		o := participantOptions{}
		id, emergency := "", ""
		for i, value := range row {
			target := map[string]*string{"id": &id, "name": &o.name, "type": &o.kind, "county": &o.county, "joined": &o.joined, "emergency_capable": &emergency}[head[i]]
			*target = strings.TrimSpace(value)
		}
		o.emergency = slices.Contains([]string{"yes", "true", "1"}, strings.ToLower(emergency))
		p, err := o.participant(id, emergency != "")
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		list = append(list, p)
	}
}
