// Package bench measures the whole program, from the command line to the files
// in the folder, against the budgets of the design. Each benchmark has a scale
// axis. Run it with `make bench`; times of different machines do not compare.
package bench
