package cloudbuild

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// noticeRetry is how long a notice that could not be sent waits; it doubles up to noticeRetryMax.
const (
	noticeRetry    = 50 * time.Millisecond
	noticeRetryMax = 5 * time.Second
)

// begin starts the goroutines of a build. The caller holds the mutex or is alone.
func (s *Server) begin(ctx context.Context, r *record) {
	s.work.Go(func() { s.notices(ctx, r) })
	if done(r.Build.Status) {
		return
	}
	// The build's context is not the notices': those of its end come after it.
	build, cancel := context.WithCancelCause(ctx)
	r.cancel = cancel
	s.work.Go(func() { s.live(build, r) })
}

// live takes a build from QUEUED to its end.
func (s *Server) live(ctx context.Context, r *record) {
	s.mu.Lock()
	created, ttl, timeout, cancel := *r.Build.CreateTime, time.Duration(r.Build.QueueTTL), time.Duration(r.Build.Timeout), r.cancel
	s.mu.Unlock()
	defer cancel(nil)
	if err := s.queue(ctx, time.Until(created.Add(ttl))); err != nil {
		s.finish(ctx, r, err)
		return
	}
	defer func() { <-s.slots }()
	now := time.Now().UTC()
	if !s.change(ctx, r, func(b *Build) { b.Status, b.StartTime = statusWorking, &now }) {
		s.finish(ctx, r, context.Cause(ctx))
		return
	}
	timer := time.AfterFunc(timeout, func() { cancel(errTimeout) })
	defer timer.Stop()
	s.finish(ctx, r, s.execute(ctx, r))
}

// queue waits for a free place.
func (s *Server) queue(ctx context.Context, ttl time.Duration) error {
	expired := time.NewTimer(ttl)
	defer expired.Stop()
	start := time.NewTimer(s.options.Latency.Start)
	defer start.Stop()
	select {
	case <-start.C:
	case <-expired.C:
		return errExpired
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-expired.C:
		return errExpired
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// change changes a build that is not done, saves it and lets a notice follow; false when it is done.
func (s *Server) change(ctx context.Context, r *record, f func(b *Build)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done(r.Build.Status) || errors.Is(context.Cause(ctx), errShutdown) {
		return false
	}
	before := r.Build.Status
	f(&r.Build)
	s.save(ctx, r)
	if r.Build.Status != before {
		r.outbox = append(r.outbox, r.notice())
	}
	select {
	case r.notify <- struct{}{}:
	default:
	}
	return true
}

// finish ends a build. A build that is interrupted by our own end keeps its status, as after a hard kill.
func (s *Server) finish(ctx context.Context, r *record, err error) {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, errShutdown) {
		return
	}
	now := time.Now().UTC()
	ended := s.change(ctx, r, func(b *Build) {
		b.FinishTime = &now
		var failed *stepError
		switch {
		case err == nil:
			b.Status = statusSuccess
		case errors.Is(err, errCancelled):
			b.Status = statusCancelled
		case errors.Is(err, errExpired):
			b.Status, b.StatusDetail = statusExpired, "build expired in the queue"
		case errors.Is(err, errTimeout):
			b.Status, b.StatusDetail = statusTimeout, "build timed out"
		case errors.As(err, &failed):
			b.Status, b.StatusDetail = statusFailure, failed.Error()
			b.FailureInfo = &FailureInfo{Type: failed.kind, Detail: failed.detail()}
		default:
			b.Status, b.StatusDetail = statusInternalError, err.Error()
		}
		for _, step := range b.Steps {
			endStep(step, b.Status, now)
		}
		for name, span := range b.Timing {
			if span.EndTime == nil {
				span.EndTime = &now
				b.Timing[name] = span
			}
		}
	})
	if !ended {
		return
	}
	s.mu.Lock()
	b := r.snapshot()
	s.mu.Unlock()
	s.end(ctx, b)
}

// endStep gives steps that were running or waiting the status of their build's end.
func endStep(step *Step, status Enum, now time.Time) {
	switch step.Status {
	case statusWorking:
		step.Status = status
		step.Timing.EndTime = &now
	case statusQueued:
		if status == statusCancelled || status == statusExpired || status == statusTimeout {
			step.Status = statusCancelled
		}
	default: // it has ended by itself
	}
}

// end writes the last lines of a build's log.
func (s *Server) end(ctx context.Context, b Build) {
	switch b.Status {
	case statusSuccess:
		s.log(ctx, b, "DONE")
	case statusFailure:
		s.log(ctx, b, "ERROR", "ERROR: "+b.StatusDetail)
	default:
		s.log(ctx, b, string(b.Status))
	}
	if b.Options.Logging == "GCS_ONLY" && b.LogsBucket != "" && s.options.StoreLog != nil {
		s.storeLog(ctx, b)
	}
}

// storeLog puts a build's log into the bucket that it asks for.
func (s *Server) storeLog(ctx context.Context, b Build) {
	text, err := s.readLog(b.ID)
	if err == nil {
		bucket, folder, _ := strings.Cut(strings.TrimPrefix(b.LogsBucket, "gs://"), "/")
		err = s.options.StoreLog(ctx, bucket, path.Join(folder, "log-"+b.ID+".txt"), []byte(text))
	}
	if err != nil {
		s.options.Log.WarnContext(ctx, "putting a build's log into its bucket", "build_id", b.ID, "error", err)
	}
}

// A notice is one message about a build.
type notice struct {
	status Enum
	data   []byte
}

// notice is what there is to say now. The caller holds the mutex.
func (r *record) notice() notice { return notice{r.Build.Status, r.json()} }

// notices sends a notice for each status of one build, in order, until it is done.
func (s *Server) notices(ctx context.Context, r *record) {
	for {
		s.mu.Lock()
		due := r.outbox
		r.outbox = nil
		s.mu.Unlock()
		for _, n := range due {
			if !s.send(ctx, r, n) {
				return
			}
			if done(n.status) {
				return
			}
		}
		select {
		case <-r.notify:
		case <-ctx.Done():
			return
		}
	}
}

// send sends one notice until it is sent; false when the server has been closed.
func (s *Server) send(ctx context.Context, r *record, n notice) bool {
	attributes := map[string]string{"buildId": r.Build.ID, "status": string(n.status)}
	for wait := noticeRetry; ; wait = min(2*wait, noticeRetryMax) {
		err := s.publish(ctx, n.data, attributes)
		if err == nil {
			break
		}
		s.options.Log.WarnContext(ctx, "sending a notice", "build_id", r.Build.ID, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Noticed = n.status
	s.save(ctx, r)
	return true
}

func (s *Server) publish(ctx context.Context, data []byte, attributes map[string]string) error {
	if s.options.Publish == nil || s.faults.loseNotice() {
		return nil
	}
	return s.options.Publish(ctx, data, attributes)
}

// json is the build as the API shows it. The caller holds the mutex.
func (r *record) json() []byte {
	data, err := json.Marshal(r.Build)
	if err != nil {
		return []byte("{}") // no field can make this happen
	}
	return data
}

// snapshot is a copy of the build that later changes don't touch. The caller holds the mutex.
func (r *record) snapshot() Build {
	b := r.Build
	b.Timing = maps.Clone(b.Timing)
	b.Steps = slices.Clone(b.Steps)
	for i, step := range b.Steps {
		c := *step
		if c.Timing != nil {
			span := *c.Timing
			c.Timing = &span
		}
		b.Steps[i] = &c
	}
	return b
}
