package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/app"
	"github.com/gangway-dev/gangway/internal/preview"
)

func previewsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "previews",
		Short: "Look at previews as an operator: list, show, look again",
		Long: `What Gangway knows of previews, read from its store. It needs rights on the store and on nothing else, and works
while GitHub and Google Cloud don't answer.`,
	}
	var store string
	c.PersistentFlags().StringVar(&store, "store", cmp.Or(os.Getenv("GANGWAY_STORE"), ".gangway/store.db"),
		"the store of webhook and aggregator; GANGWAY_STORE says it too")
	// with calls f with the store.
	with := func(c *cobra.Command, f func(context.Context, *app.Previews) error) error {
		previews, err := app.OpenPreviews(c.Context(), store)
		if err != nil {
			return err
		}
		defer previews.Close()
		return f(c.Context(), previews)
	}
	return group(c, previewsList(with), previewsShow(with), previewsLook(with))
}

type withPreviews func(*cobra.Command, func(context.Context, *app.Previews) error) error

func previewsList(with withPreviews) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the previews that there are, or should be",
		Args:  arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, func(ctx context.Context, p *app.Previews) error {
				list, err := p.List(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(c.OutOrStdout(), list)
				}
				return writePreviews(c.OutOrStdout(), list, time.Now())
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func previewsShow(with withPreviews) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show PREVIEW",
		Short: "Show one preview with its services and what has happened to it",
		Long: `PREVIEW is the number of a pull request, or a preview's key as gangway previews list prints it. Previews of closed pull
requests are known by their keys only.`,
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return with(c, func(ctx context.Context, p *app.Previews) error {
				status, err := p.Show(ctx, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(c.OutOrStdout(), status)
				}
				return writePreview(c.OutOrStdout(), status)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func previewsLook(with withPreviews) *cobra.Command {
	return &cobra.Command{
		Use:   "look PREVIEW",
		Short: "Let Gangway look at a preview again now, instead of with the next event or sweep",
		Long: `It reads the truth again and does what follows from it: nothing, if all is well. What failed for want of something that is
there by now is tried again.

PREVIEW is the number of a pull request, or a preview's key.`,
		Args: arguments(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return with(c, func(ctx context.Context, p *app.Previews) error {
				status, err := p.Look(ctx, args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s will be looked at now.\n", status.Preview)
				return err
			})
		},
	}
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// writePreviews writes a line for each preview.
func writePreviews(w io.Writer, list []app.PreviewStatus, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "There are no previews.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PREVIEW\tCONDITION\tHEAD\tSERVES\tWAITS\tLINK")
	for _, s := range list {
		condition, waits := string(s.Condition), "-"
		if s.Unreadable != "" {
			condition = "unreadable"
		}
		if !s.Waiting.IsZero() {
			waits = now.Sub(s.Waiting).Round(time.Second).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Preview, condition,
			dash(preview.ShortSHA(s.HeadSHA)), dash(preview.ShortSHA(s.ServingSHA)), waits, dash(s.URL))
	}
	return table.Flush()
}

// writePreview writes all that is known of a preview.
func writePreview(w io.Writer, s app.PreviewStatus) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(table, "%s\t%s\n", name, dash(value)) }
	row("Preview", s.Preview)
	if s.Unreadable != "" {
		row("Unreadable", s.Unreadable)
		return table.Flush()
	}
	row("Pull request", s.PullRequest)
	row("Condition", string(s.Condition))
	row("Wanted", fmt.Sprintf("%s, generation %d", dash(string(s.Intent)), s.Generation))
	row("Head", s.HeadSHA)
	row("Change", s.Change)
	row("Serves", s.ServingSHA)
	row("Link", s.URL)
	for _, failure := range s.Failures {
		row("Failure", failure)
	}
	for _, m := range s.Members {
		row("Service", fmt.Sprintf("%s is %s · build %s · revision %s", m.Service, m.Step, dash(m.BuildID), dash(m.Revision)))
	}
	if len(s.Timeline) > 0 {
		fmt.Fprintln(table)
	}
	for _, e := range s.Timeline {
		row(e.At.UTC().Format(time.DateTime), happened(e))
	}
	return table.Flush()
}

// happened is an event in a few words.
func happened(e preview.Event) string {
	words := []string{string(e.Kind), e.Service, e.Detail, preview.ShortSHA(e.SHA)}
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " ")
}

func dash(s string) string { return cmp.Or(s, "-") }
