//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// readme is the page that newcomers type from.
const readme = "../../README.md"

// walkTitle is the section of README.md that is typed.
const walkTitle = "## The first ten minutes\n"

// fenced is one fenced block of a page.
type fenced struct {
	line     int    // in the page
	language string // sh is typed, text is what it printed
	terminal string // "" is the one that most is typed in; the others hold a command that goes on
	exit     int    // code with which it ends
	text     string
}

// fences returns the fenced blocks of one section of a page, or of all of it when no title is
// given, in order. A block's opening line says the language and, where it is not the usual one,
// "terminal N" or "exit N".
func fences(t *testing.T, path, title string) []fenced {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, section, found := strings.Cut(string(page), title)
	if !found {
		t.Fatalf("%s has no section %q", path, strings.TrimSpace(title))
	}
	if title != "" {
		section, _, _ = strings.Cut(section, "\n## ")
	}
	first := strings.Count(before+title, "\n") + 1
	var all []fenced
	var open *fenced
	for i, line := range strings.SplitAfter(section, "\n") {
		switch info, fence := strings.CutPrefix(line, "```"); {
		case fence && open != nil:
			all, open = append(all, *open), nil
		case fence:
			open = &fenced{line: first + i}
			if _, err := fmt.Sscanf(info, "%s exit %d", &open.language, &open.exit); err != nil {
				open.language, open.terminal, _ = strings.Cut(strings.TrimSpace(info), " terminal ")
			}
		case open != nil:
			open.text += line
		}
	}
	return all
}

// newcomer types the blocks of a walk.
type newcomer struct {
	t       *testing.T
	dir     string
	rename  *strings.Replacer   // puts free ports in the place of the usual ones
	printed string              // by the last block that has ended
	screens map[string]*buffer  // by the blocks that go on
	ready   map[string][]string // what a terminal shows when its command can be reached
}

// TestReadmeWalk types "The first ten minutes" of README.md and holds what is printed against
// what the page shows. A block must end with exit code 0, or with the one that its fence names.
func TestReadmeWalk(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("SKIPPED: there is no bash to type the walk of README.md into")
	}
	mllpAddress, feedAddress := freeAddress(t), freeAddress(t)
	const start = "lockport init --insecure-loopback\n"
	n := &newcomer{
		t: t, dir: t.TempDir(), screens: map[string]*buffer{},
		rename: strings.NewReplacer(
			start, "lockport init --insecure-loopback --listen "+mllpAddress+" --web 127.0.0.1:0\n",
			"127.0.0.1:2575", mllpAddress, "127.0.0.1:2600", feedAddress),
		ready: map[string][]string{"1": {`"message":"serving"`}, "3": {"listening on " + feedAddress}},
	}
	blocks := fences(t, readme, walkTitle)
	if len(blocks) < 10 || !strings.HasPrefix(blocks[0].text, start) {
		t.Fatalf("the walk has %d blocks and does not begin with %q", len(blocks), start)
	}
	for _, b := range blocks {
		switch {
		case b.language == "sh" && b.terminal == "":
			n.typed(b)
		case b.language == "sh":
			n.leftRunning(b)
		case b.language == "text":
			n.shown(b)
		default:
			t.Fatalf("README.md:%d: a block is sh or text, not %q", b.line, b.language)
		}
	}
}

// command types a block into a shell.
func (n *newcomer) command(b fenced) *exec.Cmd {
	cmd := exec.Command("bash", "-e", "-c", n.rename.Replace(b.text))
	cmd.Dir = n.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LOCKPORT_DIR=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// typed runs a block to its end.
func (n *newcomer) typed(b fenced) {
	n.t.Helper()
	out, err := n.command(b).CombinedOutput()
	n.printed = string(out)
	got := 0
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else if err != nil {
		n.t.Fatalf("README.md:%d: %v", b.line, err)
	}
	if got != b.exit {
		n.t.Fatalf("README.md:%d: exit code %d, want %d; it printed:\n%s", b.line, got, b.exit, out)
	}
}

// leftRunning starts a block in a terminal of its own and ends it with the test, as Ctrl-C does.
func (n *newcomer) leftRunning(b fenced) {
	n.t.Helper()
	screen := &buffer{}
	n.screens[b.terminal] = screen
	cmd := n.command(b)
	cmd.Stdout, cmd.Stderr = screen, screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
			n.t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			n.t.Errorf("README.md:%d: %v; it printed:\n%s", b.line, err, screen)
		}
	})
	n.await(b, screen, n.ready[b.terminal])
}

// shown holds a block of output against what was printed. Of a terminal whose command goes
// on it waits for it.
func (n *newcomer) shown(b fenced) {
	n.t.Helper()
	lines := strings.Split(strings.TrimSpace(n.rename.Replace(b.text)), "\n")
	if screen, running := n.screens[b.terminal]; running {
		n.await(b, screen, lines)
	} else if missing := missingLine(n.printed, lines); missing != "" {
		n.t.Fatalf("README.md:%d: not printed: %s\nbut:\n%s", b.line, missing, n.printed)
	}
}

// await waits until a terminal shows lines.
func (n *newcomer) await(b fenced, screen *buffer, lines []string) {
	n.t.Helper()
	deadline, tick := time.NewTimer(patience), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for {
		missing := missingLine(screen.String(), lines)
		if missing == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			n.t.Fatalf("README.md:%d: terminal %s never shows: %s\nbut:\n%s", b.line, b.terminal, missing, screen)
		}
	}
}

// missingLine returns the first of lines that is not in what was printed, behind those before
// it. Columns may be wider, and … stands for anything.
func missingLine(printed string, lines []string) string {
	rest := strings.Split(printed, "\n")
	for _, line := range lines {
		words := strings.Join(strings.Fields(line), " ")
		pattern := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(words), "…", ".*"))
		at := 0
		for at < len(rest) && !pattern.MatchString(strings.Join(strings.Fields(rest[at]), " ")) {
			at++
		}
		if at == len(rest) {
			return line
		}
		rest = rest[at+1:]
	}
	return ""
}

// TestMissingLine shows that the walk notices a page that tells another story.
func TestMissingLine(t *testing.T) {
	const printed = "ID   STATE\n1    held\n2    gone at 12:30\n"
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"as printed", []string{"ID STATE", "1  held"}, ""},
		{"anything", []string{"2 gone at …"}, ""},
		{"another word", []string{"1 free"}, "1 free"},
		{"another order", []string{"2 gone at 12:30", "1 held"}, "1 held"},
		{"a dot is a dot", []string{"2 gone at 12.30"}, "2 gone at 12.30"},
	} {
		if got := missingLine(printed, c.lines); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestPagesShowCommandsThatParse holds the commands in the fenced blocks of all pages against
// the command line: they exist, and so do their flags.
func TestPagesShowCommandsThatParse(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range append(pages, readme) {
		for _, b := range fences(t, page, "") {
			for line := range strings.SplitSeq(strings.ReplaceAll(b.text, "\\\n", " "), "\n") {
				line, _, _ = strings.Cut(line, "  #")
				if !strings.HasPrefix(line, "lockport ") {
					continue
				}
				checked++
				if err := parses(line); err != nil {
					t.Errorf("%s, block of line %d: %q: %v", page, b.line, line, err)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("%d commands in all pages: they are not found", checked)
	}
}

// parses looks a command line up without running it.
func parses(line string) error {
	env, _, _ := bare()
	found, rest, err := newRoot(env).Find(words(line))
	if err != nil {
		return err
	}
	if err := found.ParseFlags(rest); err != nil {
		return err
	}
	for _, name := range requiredFlags(found) {
		if !found.Flags().Changed(name) {
			return fmt.Errorf("it lacks --%s", name)
		}
	}
	if found.Args == nil {
		return nil
	}
	return found.Args(found, found.Flags().Args())
}

// TestReadmeNamesWhatExists holds the tests and pages that README.md names against the tree.
func TestReadmeNamesWhatExists(t *testing.T) {
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	var tests bytes.Buffer
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tests.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllSubmatch(page, -1)
	if len(named) == 0 {
		t.Error("README.md names no test")
	}
	for _, m := range named {
		if !bytes.Contains(tests.Bytes(), fmt.Appendf(nil, "\nfunc %s(", m[1])) {
			t.Errorf("README.md names %s, which is no test", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join("../..", string(m[1]))); err != nil {
			t.Errorf("README.md leads to %s, which is not there", m[1])
		}
	}
}
