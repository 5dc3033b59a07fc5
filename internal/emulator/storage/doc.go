// Package storage is an emulated Cloud Storage: the routes of its JSON API (v1) that read, write, list and delete objects,
// and the one of its XML API that reads an object, which Google's client library for Go uses. Objects have generations, and
// conditions on them hold; a bucket keeps versions if it is told to. Buckets are there from the start, as Terraform would
// have made them. Holds, retention, lifecycle rules, ACLs and encryption are not emulated.
//
// https://cloud.google.com/storage/docs/json_api/v1
package storage
