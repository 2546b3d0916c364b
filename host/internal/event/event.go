package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cowork-host/cowork/pluginsdk"
)

// The limits of one event. An event beyond them is refused when it is
// appended, as [pluginsdk.ErrInvalid].
const (
	// MaxData is the largest Data in bytes.
	MaxData = 64 << 20
	// MaxTask is the longest task id in bytes.
	MaxTask = 128
	maxKind = 64

	// maxUnix is the range of times that nanoseconds can count, in seconds.
	maxUnix = math.MaxInt64/int64(time.Second) - 1
)

// Event is one line of a task's log. As JSON it is one flat object: the
// envelope first, in a fixed order, then Data's own members as they are.
type Event struct {
	// Seq counts the task's events from 1 without a gap. The log assigns it.
	// A transient event has 0.
	Seq int64
	// Time is in UTC. The log fills it in where it is zero.
	Time time.Time
	// Task is the task's id; Parent the id of the task that started it, empty
	// for a task the user started. Both are the same in all events of a task.
	Task, Parent string
	Kind         Kind
	// Data is a JSON object, the payload; nil stands for one without members.
	// No member may have the name of an envelope field, in any case.
	Data json.RawMessage
}

// New returns an event of the payload's kind with the payload as its data. It
// has no sequence, time or task yet.
func New(p Payload) (Event, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return Event{}, fmt.Errorf("encode event %s: %w", p.EventKind(), err)
	}
	return Event{Kind: p.EventKind(), Data: data}, nil
}

// Decode returns the event's payload as a P. An event of another kind is
// [pluginsdk.ErrInvalid]. Members P does not know are ignored.
func Decode[P Payload](e Event) (P, error) {
	var p P
	if e.Kind != p.EventKind() {
		return p, fmt.Errorf("decode event %d of task %s: kind is %s, not %s: %w",
			e.Seq, e.Task, e.Kind, p.EventKind(), pluginsdk.ErrInvalid)
	}
	if len(e.Data) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(e.Data, &p); err != nil {
		return p, fmt.Errorf("decode event %d (%s) of task %s: %w: %w",
			e.Seq, e.Kind, e.Task, pluginsdk.ErrInvalid, err)
	}
	return p, nil
}

// MarshalJSON returns the event as one line. Called directly it keeps Data's
// bytes but for white space; json.Marshal also escapes HTML characters in it.
func (e Event) MarshalJSON() ([]byte, error) {
	data, err := compactData(e.Data)
	if err != nil {
		return nil, err
	}
	t := e.Time.UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return nil, fmt.Errorf("event time %v has no RFC 3339 form: %w", t, pluginsdk.ErrInvalid)
	}
	b := make([]byte, 0, 160+len(data))
	b = fmt.Appendf(b, `{"seq":%d,"time":"`, e.Seq)
	b = t.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","task":`...)
	b = appendString(b, e.Task)
	b = append(b, `,"parent":`...)
	b = appendString(b, e.Parent)
	b = append(b, `,"kind":`...)
	b = appendString(b, string(e.Kind))
	if len(data) > 0 {
		b = append(b, ',')
		b = append(b, data[1:len(data)-1]...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads a line. Members that are not the envelope's become Data,
// in their order and byte for byte but for white space between tokens.
func (e *Event) UnmarshalJSON(line []byte) error {
	var buf bytes.Buffer
	if err := json.Compact(&buf, line); err != nil {
		return fmt.Errorf("read event: %w: %w", pluginsdk.ErrInvalid, err)
	}
	var out Event
	fields := map[string]any{
		"seq": &out.Seq, "time": &out.Time, "task": &out.Task, "parent": &out.Parent, "kind": &out.Kind,
	}
	var data []byte
	err := eachMember(buf.Bytes(), func(name string, member, value []byte) error {
		if !shadows(name) {
			data = append(append(data, ','), member...)
			return nil
		}
		dst := fields[name]
		if dst == nil {
			return fmt.Errorf("member %q is there twice or in the wrong case: %w", name, pluginsdk.ErrInvalid)
		}
		delete(fields, name)
		if string(value) == "null" {
			return fmt.Errorf("member %q is null: %w", name, pluginsdk.ErrInvalid)
		}
		if err := json.Unmarshal(value, dst); err != nil {
			return fmt.Errorf("member %q: %w: %w", name, pluginsdk.ErrInvalid, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	out.Time = out.Time.UTC()
	if data != nil {
		data[0] = '{'
		out.Data = append(data, '}')
	}
	*e = out
	return nil
}

// compactData checks that data may stand in a log and returns it without
// white space, nil when it has no members.
func compactData(data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) > MaxData {
		return nil, fmt.Errorf("event data has %d bytes, more than %d: %w", len(data), MaxData, pluginsdk.ErrInvalid)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("event data is not UTF-8: %w", pluginsdk.ErrInvalid)
	}
	var buf bytes.Buffer
	if err := json.Compact(&buf, data); err != nil {
		return nil, fmt.Errorf("event data: %w: %w", pluginsdk.ErrInvalid, err)
	}
	b := buf.Bytes()
	err := eachMember(b, func(name string, _, _ []byte) error {
		if shadows(name) {
			return fmt.Errorf("event data has a member %q, which belongs to the envelope: %w", name, pluginsdk.ErrInvalid)
		}
		return nil
	})
	if err != nil || len(b) == 2 {
		return nil, err
	}
	return b, nil
}

// shadows reports whether a reader could take a member of this name for one of
// the envelope's. encoding/json matches names without regard to case.
func shadows(name string) bool {
	for _, f := range [...]string{"seq", "time", "task", "parent", "kind"} {
		if strings.EqualFold(name, f) {
			return true
		}
	}
	return false
}

// eachMember calls f with the decoded name, the bytes and the value's bytes of
// every member of a valid, compact JSON object.
func eachMember(b []byte, f func(name string, member, value []byte) error) error {
	if len(b) == 0 || b[0] != '{' {
		return fmt.Errorf("not a JSON object: %w", pluginsdk.ErrInvalid)
	}
	for i := 1; b[i] != '}'; {
		if b[i] == ',' {
			i++
		}
		start := i
		i = endOfString(b, i)
		key := b[start:i]
		i++ // the colon
		value := i
		i = endOfValue(b, i)
		name := string(key[1 : len(key)-1])
		if bytes.IndexByte(key, '\\') >= 0 || !utf8.Valid(key) {
			if err := json.Unmarshal(key, &name); err != nil {
				return fmt.Errorf("member name %s: %w: %w", key, pluginsdk.ErrInvalid, err)
			}
		}
		if err := f(name, b[start:i], b[value:i]); err != nil {
			return err
		}
	}
	return nil
}

func endOfString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func endOfValue(b []byte, i int) int {
	for depth := 0; ; {
		switch b[i] {
		case '"':
			i = endOfString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of the object around a bare literal
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
}

func appendString(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return append(b, q...)
}

// prepare checks events that are about to be appended to a task and returns
// them as they will be stored, without their sequence.
func prepare(task string, events []Event, now func() time.Time) ([]Event, error) {
	if err := checkTask(task); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("no events to append: %w", pluginsdk.ErrInvalid)
	}
	out := make([]Event, len(events))
	for i, e := range events {
		if e.Kind.Transient() {
			return nil, fmt.Errorf("a %s event is transient and cannot be stored: %w", e.Kind, pluginsdk.ErrInvalid)
		}
		e, err := normal(task, e, now)
		if err != nil {
			return nil, err
		}
		out[i] = e
	}
	return out, nil
}

// Check says why an event could not stand in a log, whatever its sequence.
func Check(e Event) error {
	e.Seq = 0
	if err := checkTask(e.Task); err != nil {
		return err
	}
	if e.Kind.Transient() {
		return fmt.Errorf("a %s event is transient and cannot be stored: %w", e.Kind, pluginsdk.ErrInvalid)
	}
	_, err := normal(e.Task, e, time.Now)
	return err
}

// normal checks one event and returns it with its task and time, its data
// compact and its sequence 0.
func normal(task string, e Event, now func() time.Time) (Event, error) {
	if e.Seq != 0 {
		return e, fmt.Errorf("event has sequence %d already: %w", e.Seq, pluginsdk.ErrInvalid)
	}
	if e.Task != "" && e.Task != task {
		return e, fmt.Errorf("event belongs to task %s: %w", e.Task, pluginsdk.ErrInvalid)
	}
	e.Task = task
	if e.Parent != "" {
		if err := checkTask(e.Parent); err != nil {
			return e, fmt.Errorf("parent: %w", err)
		}
		if e.Parent == task {
			return e, fmt.Errorf("task %s is its own parent: %w", task, pluginsdk.ErrInvalid)
		}
	}
	if !e.Kind.valid() {
		return e, fmt.Errorf("event kind %q: %w", e.Kind, pluginsdk.ErrInvalid)
	}
	if e.Time.IsZero() {
		e.Time = now()
	}
	// Round strips the monotonic clock, which is not stored.
	e.Time = e.Time.Round(0).UTC()
	if s := e.Time.Unix(); s < -maxUnix || s > maxUnix {
		return e, fmt.Errorf("event time %v is out of range: %w", e.Time, pluginsdk.ErrInvalid)
	}
	data, err := compactData(e.Data)
	e.Data = data
	return e, err
}

func checkTask(task string) error {
	if task == "" || len(task) > MaxTask || !utf8.ValidString(task) ||
		strings.ContainsFunc(task, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }) {
		return fmt.Errorf("task id %q: %w", task, pluginsdk.ErrInvalid)
	}
	return nil
}
