package event

// Opened is an event that several readers look into: its payload is decoded
// once for all of them. It belongs to one goroutine.
type Opened struct {
	Event
	payload Payload // decoded, if somebody has asked
}

// Open returns an event to be read with [As].
func Open(e Event) *Opened { return &Opened{Event: e} }

// As is [Decode] of an opened event. What it returns is shared by all who ask:
// nobody may change what it points to.
func As[P Payload](o *Opened) (P, error) {
	if p, ok := o.payload.(P); ok {
		return p, nil
	}
	p, err := Decode[P](o.Event)
	if err == nil {
		o.payload = p
	}
	return p, err
}
