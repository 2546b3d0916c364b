// Package report writes a profile as a workbook and as a page for a browser.
package report
