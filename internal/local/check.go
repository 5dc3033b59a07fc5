package local

import "context"

func (l *Local) Check(ctx context.Context) error { return nil }
