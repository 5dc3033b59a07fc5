package app

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// printHelp writes what a command is and what can be set.
func printHelp(w io.Writer, usage string, settings reflect.Type) error {
	var b strings.Builder
	b.WriteString(usage)
	writeSettings(&b, "Settings, from the environment", settings)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeSettings lists the environment variables of a settings type under a title, and then those of its parts.
func writeSettings(b *strings.Builder, title string, t reflect.Type) {
	var parts []reflect.StructField
	if title != "" {
		fmt.Fprintf(b, "\n%s:\n", title)
	}
	for field := range t.Fields() {
		tag, ok := field.Tag.Lookup("env")
		switch {
		case ok:
			name, rest, _ := strings.Cut(tag, ",")
			if _, preset, ok := strings.Cut(rest, "default="); ok {
				name += "=" + preset
			}
			fmt.Fprintf(b, "  %s\n        %s\n", name, field.Tag.Get("help"))
		case field.Type.Kind() == reflect.Struct:
			parts = append(parts, field)
		}
	}
	for _, part := range parts {
		writeSettings(b, part.Tag.Get("help"), part.Type)
	}
}
