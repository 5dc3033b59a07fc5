package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/compose"
)

// composeSettings are the flags of `gangway compose` that are not the request's.
type composeSettings struct {
	output, provenance, findings string
	check                        bool
}

func composeCommand() *cobra.Command {
	var r compose.Request
	var s composeSettings
	c := &cobra.Command{
		Use:   "compose",
		Short: "Compose services' OpenAPI documents into one gateway document",
		Long: `Composes the OpenAPI documents of many services (2.0, 3.0 and 3.1, YAML and JSON) into the one document that
Google API Gateway is given. It works on local files, without any cloud.

With --config, the services, their documents and how callers sign in come from the configuration; documents are
looked for below --root. Without it, --document names them, and their own security definitions count:

  gangway compose --config gangway.hcl --override orders=https://pr-7---orders-x.a.run.app
  gangway compose --title Shop --document orders=openapi.yaml --document users=../users/api.json -o gateway.yaml
  gangway compose --config gangway.hcl --check --findings sarif > findings.sarif

Problems prevent the document and make the exit status 1; warnings say what was repaired or left out. With --check
nothing is written but what was found. The rules: docs/composition.md.`,
		Args: noSuch,
		RunE: func(c *cobra.Command, _ []string) error {
			return runCompose(r, s, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&r.Config, "config", "", "the configuration file; without it, services are those of --document")
	f.StringVar(&r.Environment, "environment", "", "the environment in the configuration; by default that of the previews")
	f.StringVar(&r.Gateway, "gateway", "", "the gateway in the configuration; by default the only one")
	f.StringVar(&r.Root, "root", "", "folder in which the configuration's documents are; the current one by default")
	f.StringArrayVar(&r.Documents, "document", nil, "SERVICE=FILE: a service's document; may be repeated")
	f.StringArrayVar(&r.Overrides, "override", nil, "SERVICE=URL[,FILE]: send a service's operations to this tag URL; may be repeated")
	f.StringArrayVar(&r.Backends, "backend", nil, "SERVICE=URL: the service's own URL; may be repeated")
	f.StringVar(&r.Title, "title", "", "title of the composed document; by default the gateway's")
	f.StringVar(&r.OpenAPI, "openapi", "", "version that is written, 2.0 or 3.0; by default the documents decide")
	f.StringVar(&r.Format, "format", "yaml", "yaml or json")
	f.StringArrayVar(&r.Limits, "limit", nil, "LIMIT=NUMBER: another limit than the default, for example result-bytes=20000000; may be repeated")
	f.StringVarP(&s.output, "output", "o", "", "write the document to this file; by default to standard output")
	f.StringVar(&s.provenance, "provenance", "", "write the origin of every operation to this file, as JSON")
	f.BoolVar(&s.check, "check", false, "only say what is found in the documents")
	f.StringVar(&s.findings, "findings", "text", "how --check says it: text, json or sarif")
	return c
}

// errFound ends a command whose findings have been printed.
var errFound = errors.New("the documents can't be composed")

func runCompose(r compose.Request, s composeSettings, out, errOut io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(30) // a run makes garbage of many documents at once: less memory for some time
	}
	result, err := compose.Run(r)
	if err != nil {
		return err
	}
	for _, name := range result.WithoutFile {
		fmt.Fprintf(errOut, "note: the document of %s is not there; the service is left out\n", name)
	}
	if s.check {
		if err := result.WriteFindings(out, s.findings); err != nil {
			return err
		}
	} else {
		if err := result.WriteFindings(errOut, "text"); err != nil {
			return err
		}
	}
	if len(result.Problems) > 0 {
		return errFound
	}
	if s.check {
		return nil
	}
	if len(result.Invented) > 0 {
		fmt.Fprintf(errOut, "note: nobody has said where %s is (--backend SERVICE=URL); https://SERVICE.invalid stands in\n",
			strings.Join(result.Invented, ", "))
	}
	if s.provenance != "" {
		content, err := result.Provenance()
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.provenance, content, 0o600); err != nil {
			return fmt.Errorf("writing provenance: %w", err)
		}
	}
	if s.output != "" {
		if err := os.WriteFile(s.output, result.Document, 0o600); err != nil {
			return fmt.Errorf("writing the document: %w", err)
		}
		return nil
	}
	_, err = out.Write(result.Document)
	return err
}
