// Package cloudbuild emulates Cloud Build on loopback: REST API v1 as
// https://cloud.google.com/build/docs/api/reference/rest/v1/projects.builds has it, global and regional, with real builds:
// a git checkout of the source, steps in the order of waitFor, real processes, images with digests in an [image.Store],
// and a notice for every change of status.
//
// There are no containers. A step's image only says what kind of step it is:
//
//   - gcr.io/cloud-builders/docker and docker: docker commands, in args or in a script, are carried out by package docker;
//   - golang, ubuntu, debian, alpine, busybox, bash, and gcr.io/cloud-builders/{go,git,gcloud,curl}: the program of that
//     name on this machine; /workspace and /builder/home are mapped to directories of the build.
//
// Any other image, and any field of a build that is not known here, is refused by its name.
//
// A build's code has no rights: its environment holds nothing of ours but what Go needs to fetch modules. It is not
// isolated, though: run only code that you would run on this machine.
package cloudbuild
