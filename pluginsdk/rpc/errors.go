package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/rpc/pb"
)

// ErrVersion says that host and plugin share no version of the contract.
var ErrVersion = errors.New("no common protocol version")

// ErrStuck says that a handler did not return after it was cancelled.
var ErrStuck = errors.New("the handler did not end when told to")

// ErrGarbage says that the other side answered something that makes no sense.
var ErrGarbage = errors.New("the answer makes no sense")

// ErrGone says that the other side ended before it answered.
var ErrGone = errors.New("the other process has ended")

// encodeError turns an error into a gRPC status that decodeError turns back.
func encodeError(err error) error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, err.Error())
	}
	e := &pb.Error{Code: pluginsdk.Code(err), Message: err.Error()}
	if user, ok := errors.AsType[*pluginsdk.Error](err); ok {
		e.Message, e.Next = user.Message, user.Next
	}
	if e.Code == "internal" && errors.Is(err, fs.ErrNotExist) {
		e.Code = "not_found"
	}
	st, detailErr := status.New(codes.Unknown, err.Error()).WithDetails(e)
	if detailErr != nil {
		return status.Error(codes.Unknown, err.Error())
	}
	return st.Err()
}

// decodeError returns the error that encodeError was given, as far as it
// matters: sentinels and pluginsdk.Error hold, everything else keeps its text.
// ctx is the caller's: when it has ended, its error is the answer.
func decodeError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, d := range st.Details() {
		if e, ok := d.(*pb.Error); ok {
			return fromWire(e)
		}
	}
	switch st.Code() {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.Unavailable:
		return fmt.Errorf("%w: %s", ErrGone, st.Message())
	case codes.ResourceExhausted:
		return &pluginsdk.Error{Kind: pluginsdk.ErrInvalid, Message: "a message over the plugin wire is too large: " + st.Message()}
	case codes.Unimplemented:
		return &pluginsdk.Error{Kind: pluginsdk.ErrUnsupported, Message: "the other side does not know this call: " + st.Message()}
	}
	return errors.New(st.Message())
}

func fromWire(e *pb.Error) error {
	for _, s := range pluginsdk.Sentinels() {
		if s.Code == e.GetCode() {
			return &pluginsdk.Error{Kind: s.Err, Message: e.GetMessage(), Next: e.GetNext()}
		}
	}
	return errors.New(e.GetMessage())
}
