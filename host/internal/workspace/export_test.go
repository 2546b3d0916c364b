package workspace

// SetFailpoint sets the hook that is called before everything that changes a
// disk or the journal.
func SetFailpoint(o *Options, hook func(op, path string) error) { o.failpoint = hook }

// SetPlainRenames makes every disk one that cannot exchange two names.
func SetPlainRenames(o *Options) { o.plainRenames = true }

// For tests of the parts.
var (
	Fold       = fold
	CheckName  = checkName
	Numbered   = numbered
	IsTempName = isTempName
	TempName   = tempName
)
