package table

import (
	"context"
	"errors"
	"fmt"

	"github.com/cowork-host/cowork/pluginsdk"
)

func invalid(next, format string, args ...any) error {
	return pluginsdk.Invalid(next, format, args...)
}

func emptyFile(name string) error {
	return invalid("check that the right file was given", "%s is empty", name)
}

func unknownFormat(name string) error {
	return &pluginsdk.Error{
		Kind:    pluginsdk.ErrUnsupported,
		Message: fmt.Sprintf("%s is not a table in a format known here", name),
		Next:    "give a csv, tsv, xlsx, json, jsonl or parquet file",
	}
}

func damaged(name, what string, err error) error {
	return &pluginsdk.Error{
		Kind:    pluginsdk.ErrInvalid,
		Message: fmt.Sprintf("%s is not a whole %s: %v", name, what, err),
		Next:    "get the file again or save it again from the program that made it",
	}
}

// readError wraps an error of the source so that its kind survives.
func readError(name string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var own *pluginsdk.Error
	if errors.As(err, &own) {
		return err
	}
	return fmt.Errorf("read %s: %w", name, err)
}
