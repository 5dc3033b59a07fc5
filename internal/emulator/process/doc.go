// Package process runs child processes that cannot outlive us, nor can theirs: not even when we are killed with
// SIGKILL, on Linux and on macOS.
//
// Each child gets a supervisor between itself and us: our own executable, started again, which [Main] intercepts. The
// supervisor reads a pipe that only we can write to. When the pipe closes, whatever the reason, the supervisor kills the
// child's process group. On Linux it moreover adopts orphans, so that a grandchild that left the group is found too, and
// the child itself dies with the supervisor (PR_SET_PDEATHSIG).
//
// It is not a sandbox: a child that runs as the same user may kill its supervisor. Every program and every test that
// calls [Start] calls [Main] first.
package process
