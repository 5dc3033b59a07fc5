package report

// Superseded is the check run of an earlier head, sha, ended because newer, the current head's, has taken its place. It
// is neither good nor bad.
func Superseded(newer CheckRun, sha string) CheckRun {
	return CheckRun{
		Name: newer.Name, HeadSHA: sha, ExternalID: newer.ExternalID, DetailsURL: newer.DetailsURL,
		Status: "completed", Conclusion: "neutral",
		Title:   "Superseded by a newer commit",
		Summary: "The preview goes on with `" + short(newer.HeadSHA) + "`.",
	}
}

func short(sha string) string {
	if len(sha) > 7 {
		return sha[:7]
	}
	return sha
}
