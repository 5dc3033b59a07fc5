package github

import (
	"fmt"

	api "github.com/google/go-github/v60/github"
)

const (
	perPage = 100
	// maxPages bounds every list, so that no answer keeps a reader busy for ever. No list that GitHub limits is longer.
	maxPages = 100
)

// all reads a list page by page to its end. read gets the options of the next page and deals with what is in it.
func all(read func(api.ListOptions) (*api.Response, error)) error {
	options := api.ListOptions{PerPage: perPage}
	for range maxPages {
		resp, err := read(options)
		if err != nil {
			return err
		}
		if resp.NextPage == 0 {
			return nil
		}
		options.Page = resp.NextPage
	}
	return fmt.Errorf("the list has more than %d entries", maxPages*perPage)
}
