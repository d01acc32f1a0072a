package archtest

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// approved reads dependencies.txt: module → why it is there.
func approved(text string) map[string]string {
	list := map[string]string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, why, _ := strings.Cut(line, "\t")
		list[name] = strings.TrimSpace(why)
	}
	return list
}

// linked returns the modules of other people that are in the binary. The
// platform is fixed so that the answer is the same on every machine.
func linked() ([]string, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/lockport")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	mods := strings.Fields(string(out))
	slices.Sort(mods)
	mods = slices.DeleteFunc(slices.Compact(mods), func(m string) bool { return m == module })
	return mods, err
}

// compare returns what stands on one side only, and what has no reason.
func compare(list map[string]string, linked []string) (findings []string) {
	for _, m := range linked {
		if _, ok := list[m]; !ok {
			findings = append(findings, m+" is in the binary: add it to dependencies.txt with why, or do without it")
		}
	}
	for _, m := range slices.Sorted(maps.Keys(list)) {
		if !slices.Contains(linked, m) {
			findings = append(findings, m+" is not in the binary: take it out of dependencies.txt")
		} else if list[m] == "" {
			findings = append(findings, m+" stands in dependencies.txt without a reason")
		}
	}
	return findings
}

func TestDependencies(t *testing.T) {
	text, err := os.ReadFile("dependencies.txt")
	if err != nil {
		t.Fatal(err)
	}
	mods, err := linked()
	if err != nil {
		t.Skipf("SKIPPED: the binary's modules cannot be listed: %v", err)
	}
	for _, finding := range compare(approved(string(text)), mods) {
		t.Error(finding)
	}
}

func TestCompareDependencies(t *testing.T) {
	list := approved("# head\n\nexample.org/a\twhy\nexample.org/b\nexample.org/gone\twhy\n")
	got := compare(list, []string{"example.org/a", "example.org/b", "example.org/new"})
	for i, want := range []string{"example.org/new is in", "example.org/b stands", "example.org/gone is not"} {
		if len(got) != 3 || !strings.HasPrefix(got[i], want) {
			t.Fatalf("findings: %q", got)
		}
	}
}
