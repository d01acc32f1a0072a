package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion is what is known about the program itself.
type buildVersion struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"` // of the commit
	Modified bool   `json:"modified"`       // built from a tree with changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// readVersion reads what the go command stamped into the program.
func readVersion() buildVersion {
	v := buildVersion{Version: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version, v.Go = info.Main.Version, info.GoVersion
	var system, machine string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		case "GOOS":
			system = s.Value
		case "GOARCH":
			machine = s.Value
		}
	}
	v.Platform = system + "/" + machine
	return v
}

// newVersion makes "lockport version".
func newVersion(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Long: `Print version, commit and Go release of this program, as the go command stamped them
into it. It asks no server.`,
		Example: `  lockport version
  lockport version --output json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			return env.show(v, func(t *table) {
				t.add("version", v.Version)
				t.add("commit", v.Commit)
				t.add("time", v.Time)
				t.add("modified", v.Modified)
				t.add("go", v.Go)
				t.add("platform", v.Platform)
			})
		},
	}
}
