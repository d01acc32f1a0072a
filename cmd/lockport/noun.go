package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// noun is what list, show and remove need to know about one kind of thing in the directory.
type noun[T any] struct {
	name    string         // as it stands on the command line
	list    string         // path of the verb that lists all of them
	columns []string       // names of what row returns
	listed  int            // how many of the columns the list shows; all where it is 0
	row     func(T) []any  // values under columns
	id      func(T) string // what show and remove are given
	remove  func(id string) directory.Change
	example string // an id, for the help
}

// commands returns list, show and remove.
func (n noun[T]) commands(env *environment) []*cobra.Command {
	return []*cobra.Command{n.newList(env), n.newShow(env), n.newRemove(env)}
}

// newList makes "list".
func (n noun[T]) newList(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all of them",
		Long:    "List every " + n.name + " that the directory holds, as the running server knows it.",
		Example: "  lockport " + n.name + " list\n  lockport " + n.name + " list --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := call[[]T](cmd.Context(), env, n.list, nothing{})
			if err != nil {
				return err
			}
			return env.show(all, func(t *table) { n.draw(t, all) })
		},
	}
}

// newShow makes "show".
func (n noun[T]) newShow(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show one of them",
		Long:    "Show everything that the directory holds about one " + n.name + ".",
		Example: "  lockport " + n.name + " show " + n.example,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := n.find(cmd, env, args[0])
			if err != nil {
				return err
			}
			return env.show(found, func(t *table) {
				for i, value := range n.row(found) {
					t.add(n.columns[i], value)
				}
			})
		},
	}
}

// newRemove makes "remove".
func (n noun[T]) newRemove(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "Take one of them off the directory",
		Long: "Take a " + n.name + " off the directory. What it sent and what was decided about it stays. It is\n" +
			"refused while something else needs it.",
		Example: "  lockport " + n.name + " remove " + n.example,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.change(cmd, changeQuestion{Changes: []directory.Change{n.remove(args[0])}})
		},
	}
}

// draw fills the table of a list.
func (n noun[T]) draw(t *table, all []T) {
	t.head = n.columns
	if n.listed > 0 {
		t.head = t.head[:n.listed]
	}
	for _, one := range all {
		t.add(n.row(one)[:len(t.head)]...)
	}
}

// find returns the one with an id.
func (n noun[T]) find(cmd *cobra.Command, env *environment, id string) (T, error) {
	all, err := call[[]T](cmd.Context(), env, n.list, nothing{})
	if err == nil {
		for _, one := range all {
			if n.id(one) == id {
				return one, nil
			}
		}
		err = lockport.Errorf(lockport.NotFound, "", "there is no %s %q: see `lockport %s list`", n.name, id, n.name)
	}
	var none T
	return none, err
}

// change sends changes of the directory and says what became of them.
func (env *environment) change(cmd *cobra.Command, q changeQuestion) error {
	return env.done(call[changeAnswer](cmd.Context(), env, pathDirectoryChange, q))
}

// done says what the server did.
func (env *environment) done(answer changeAnswer, err error) error {
	if err != nil {
		return err
	}
	for _, line := range answer.Done {
		env.notef("%s", line)
	}
	return nil
}

// joinWords writes a list of words in one cell.
func joinWords[T ~string](words []T) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = string(w)
	}
	return strings.Join(parts, ", ")
}

// replaceFlag is the flag of every add that may change what is there.
func replaceFlag(cmd *cobra.Command, replace *bool) {
	cmd.Flags().BoolVar(replace, "replace", false, "change what is there already")
}
