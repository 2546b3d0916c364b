package grant

// FailAt makes a step of every write fail; nil ends that.
func (s *Store) FailAt(step string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = func(now string) error {
		if now == step {
			return err
		}
		return nil
	}
}

// The most grants a store keeps.
const (
	MaxAlways = maxAlways
	MaxTask   = maxTask
)

// Parse reads the bytes of a file.
func Parse(data []byte) ([]Grant, error) {
	f, err := parse(data)
	return f.Grants, err
}
