package window

import "sort"

// ordered is a map that knows the order in which its keys were set last. The
// zero value is empty.
type ordered[V any] struct {
	at   map[string]entry[V]
	next int
}

type entry[V any] struct {
	value V
	age   int
}

// set sets a value and makes its key the newest.
func (o *ordered[V]) set(key string, v V) {
	if o.at == nil {
		o.at = map[string]entry[V]{}
	}
	o.next++
	o.at[key] = entry[V]{v, o.next}
}

// put sets a value where its key is, or at the end when it is new.
func (o *ordered[V]) put(key string, v V) {
	if e, ok := o.at[key]; ok {
		o.at[key] = entry[V]{v, e.age}
		return
	}
	o.set(key, v)
}

func (o *ordered[V]) get(key string) (V, bool) {
	e, ok := o.at[key]
	return e.value, ok
}

// take removes a value and returns it.
func (o *ordered[V]) take(key string) (V, bool) {
	e, ok := o.at[key]
	delete(o.at, key)
	return e.value, ok
}

// keys returns the keys, oldest first.
func (o *ordered[V]) keys() []string {
	keys := make([]string, 0, len(o.at))
	for k := range o.at {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return o.at[keys[i]].age < o.at[keys[j]].age })
	return keys
}
