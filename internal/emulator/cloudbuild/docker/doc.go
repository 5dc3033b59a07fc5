// Package docker does what the docker commands of a build say, without Docker: images are built and containers are run
// as native processes. It serves the emulated Cloud Build only, for one build at a time; it is no container runtime and
// isolates nothing (see package shell).
//
// # Commands
//
// docker build, docker buildx build, docker buildx create/use/inspect/rm, docker push, docker tag, docker pull,
// docker run, docker compose up/run/build/down. A flag that changes nothing here is accepted and ignored (--provenance,
// --progress, …); everything else is refused by name. --cache-from and --cache-to of type registry keep the last stage,
// all of it or nothing; there are no layers.
//
// # Dockerfiles
//
// FROM (golang, scratch, distroless, alpine, debian, ubuntu, busybox, another stage, or an image that was built or pushed
// here), ARG, ENV, WORKDIR, COPY and ADD of local files (--from, --chmod; owners are ignored), RUN (shell form, exec
// form, heredoc; --mount=type=cache is ignored), ENTRYPOINT, CMD, EXPOSE, USER, LABEL, VOLUME, STOPSIGNAL, HEALTHCHECK.
// The root of a stage is a directory of this machine, into which absolute paths are mapped; programs are this
// machine's, so that FROM golang means the Go that is installed here. Anything else fails with file and line.
//
// # Compose files
//
// services with image, build (context, dockerfile, target, args), command, entrypoint, environment, depends_on (with
// condition), expose, ports, working_dir, healthcheck, container_name, hostname, restart, init, user. All containers share this
// machine's loopback: each service gets a free port, told in PORT, and in the environment and the commands of all services
// SERVICE:PORT is replaced by 127.0.0.1 and that port, so that http://orders:8080 reaches the service orders. A service
// that doesn't listen on PORT can therefore not be reached. Anything else fails with file and line.
package docker
