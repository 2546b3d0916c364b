package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/cowork-host/cowork/pluginsdk"
)

// Define makes a tool from a function that takes its input as a struct. The
// schema is inferred from the struct's tags — json for the names, jsonschema
// for the descriptions, enum, min, max and maxlen for the bounds — unless the
// spec has one; a field that is not omitempty or omitzero must be given. The
// function gets only input that fits. Define panics if the type has no schema:
// that is a mistake in the program.
func Define[In any](spec Spec, prepare func(ctx context.Context, call Call, in In) (*Prepared, error)) Tool {
	inferred, raw, err := infer(reflect.TypeFor[In]())
	if err == nil && spec.Schema != nil {
		inferred, err = compile(spec.Schema)
	} else {
		spec.Schema = raw
	}
	if err != nil {
		panic("tool " + spec.Name + ": " + err.Error())
	}
	return &defined[In]{spec: spec, schema: inferred, prepare: prepare}
}

// checked is a [Tool] that can check an input by itself.
type checked interface {
	check(name string, raw json.RawMessage) (json.RawMessage, error)
	prepared(ctx context.Context, call Call) (*Prepared, error)
}

type defined[In any] struct {
	spec Spec
	*schema
	prepare func(ctx context.Context, call Call, in In) (*Prepared, error)
}

func (d *defined[In]) Spec() Spec {
	s := d.spec
	s.Schema = bytes.Clone(s.Schema)
	return s
}

func (d *defined[In]) Prepare(ctx context.Context, call Call) (*Prepared, error) {
	raw, err := d.check(d.spec.Name, call.Input)
	if err != nil {
		return nil, err
	}
	call.Input = raw
	return d.prepared(ctx, call)
}

// prepared is Prepare for an input that was checked.
func (d *defined[In]) prepared(ctx context.Context, call Call) (*Prepared, error) {
	var in In
	dec := json.NewDecoder(bytes.NewReader(call.Input))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, pluginsdk.Invalid("correct that and call "+d.spec.Name+" again",
				"the input of %s does not fit: %s: expected %s, got %s", d.spec.Name, wrong.Field, wrong.Type, clip(wrong.Value, 60))
		}
		return nil, pluginsdk.Invalid("correct that and call "+d.spec.Name+" again", "the input of %s does not fit: %.300s", d.spec.Name, err)
	}
	return d.prepare(ctx, call, in)
}
