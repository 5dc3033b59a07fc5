// Package shell runs commands and shell scripts as a container would, without a container: as native processes, with
// the container's absolute paths mapped to directories of this machine. It serves the emulated Cloud Build only.
//
// Scripts are interpreted here (mvdan.cc/sh), not by the machine's shell, so that paths can be mapped wherever a shell
// meets them: redirections, globs, tests, cd, and the arguments and environment of each program that is started.
// What a program does with paths that it finds elsewhere, in a file for example, can't be mapped. The rules:
//
//   - An argument that is an absolute path, or -flag=path or NAME=path, is mapped. Programs whose arguments are mostly
//     text (sed, grep, echo, …) get only paths mapped that exist.
//   - The value of an environment variable that is an absolute path is mapped, and so is each element of PATH.
//   - A program is looked for in the mapped PATH first and then on this machine: what a base image would bring along is
//     what is installed here.
//   - sh and bash are the interpreter itself, also as the interpreter of a script file.
//
// It isolates nothing. What keeps a pull request's code from harm is that it gets no credentials: the environment is only
// what the [Spec] says.
package shell
