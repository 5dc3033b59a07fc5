package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gangway-dev/gangway/internal/emulator"
	"github.com/gangway-dev/gangway/internal/emulator/gcloud"
)

// googleHelp is what the help of `gangway local` and `gangway emulate` says of Google's emulators.
const googleHelp = `

With --store firestore and --pubsub-emulator, Google's own emulators of Firestore and Pub/Sub are used. They come
with the Google Cloud CLI and need Java; where FIRESTORE_EMULATOR_HOST or PUBSUB_EMULATOR_HOST is set,
that one is used. They keep nothing: with the emulator ends what the store knew, and after the next
start Gangway finds out anew from GitHub and Google Cloud what there is.`

// A google says which of Google's emulators are used.
type google struct {
	store  string
	pubSub bool
}

func (g *google) flags(c *cobra.Command) {
	c.Flags().StringVar(&g.store, "store", "sqlite",
		"where previews are kept: sqlite (a file) or firestore (Google's emulator; gone when it ends)")
	c.Flags().BoolVar(&g.pubSub, "pubsub-emulator", false, "use Google's Pub/Sub emulator instead of the one in this process")
}

func (g *google) check() error {
	if g.store != "sqlite" && g.store != "firestore" {
		return badValue("--store is %q: want sqlite or firestore", g.store)
	}
	return nil
}

// emulators are the ones for [emulator.Options].
func (g *google) emulators() (pubSub, firestore string) {
	if g.pubSub {
		pubSub = cmp.Or(os.Getenv("PUBSUB_EMULATOR_HOST"), emulator.Google)
	}
	if g.store == "firestore" {
		firestore = cmp.Or(os.Getenv("FIRESTORE_EMULATOR_HOST"), emulator.Google)
	}
	return pubSub, firestore
}

// explainAbsent says what can be done without one of the emulators.
func explainAbsent(err error) error {
	if !errors.Is(err, gcloud.ErrAbsent) {
		return err
	}
	return fmt.Errorf(`%w
Install it, or set FIRESTORE_EMULATOR_HOST or PUBSUB_EMULATOR_HOST to host:port of one that runs,
or leave --store firestore and --pubsub-emulator out: nothing else needs them`, err)
}
