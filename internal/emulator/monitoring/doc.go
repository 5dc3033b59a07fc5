// Package monitoring is an emulated Cloud Monitoring: of its REST API (v3) the method that lists time series, without
// aggregation, and of its metrics the two by which Cloud Run counts requests. They are summed up over periods, which are
// visible a while after their end.
//
// https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list
package monitoring
