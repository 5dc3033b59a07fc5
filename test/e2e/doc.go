// Package e2e tests the commands as they are run: the built binaries as processes of their own, which are killed, stopped
// and started again at every point of a pull request's life. Only the far ends are emulated, by `gangway emulate`, in
// another process.
//
// It looks at nothing but what a user or the far ends see, and lets the promise checker judge. What happens inside is
// tested by the packages themselves, and the many ways of a pull request by internal/local, in one process.
package e2e
