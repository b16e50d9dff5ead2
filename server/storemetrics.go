package server

import "github.com/weft-trace/weft/server/aggregate"

// storeMetrics writes the state of the store.
func (s *Server) storeMetrics(m *metricsText, o *opened) {
	st := o.store.Stats()
	m.counter("weft_store_spans_total", "Spans acknowledged.", float64(st.Spans))
	m.counter("weft_store_duplicate_spans_total", "Spans that were there already and are kept once.", float64(st.Duplicates))
	m.counter("weft_store_busy_total", "Batches refused because more arrived than can be written.", float64(st.Busy))
	m.counter("weft_store_full_total", "Batches refused because the disk was full.", float64(st.Full))
	m.counter("weft_store_journal_writes_total", "Writes of the journal; several batches share one.", float64(st.Groups))
	m.counter("weft_store_cuts_total", "Heads written as blocks.", float64(st.Cuts))
	m.counter("weft_store_cut_seconds_total", "Time spent writing heads as blocks.", st.CutTime.Seconds())
	m.gauge("weft_store_heads", "Heads in memory.", float64(st.Heads))
	m.gauge("weft_store_head_spans", "Spans in heads.", float64(st.HeadSpans))
	m.gauge("weft_store_head_bytes", "Memory of heads, about.", float64(st.HeadBytes))
	m.gauge("weft_store_waiting_bytes", "Bytes of batches that wait for the disk.", float64(st.InFlight))
	m.gauge("weft_store_cut_lag_seconds", "Age of the oldest head that waits to be written.", st.CutLag.Seconds())
	var spans, bytes int64
	for _, p := range st.Partitions {
		spans += p.Spans
		bytes += p.Bytes
	}
	m.counter("weft_store_other_spans_total", "Spans whose service or operation is counted under "+aggregate.Other+" because a partition has too many.", float64(o.store.Others()))
	m.gauge("weft_store_partitions", "Partitions.", float64(len(st.Partitions)))
	m.gauge("weft_store_partition_spans", "Spans in partitions, without those of heads.", float64(spans))
	m.gauge("weft_store_disk_bytes", "Size of the partitions on the disk.", float64(bytes))
	m.counter("weft_store_partitions_removed_total", "Partitions that retention removed.", float64(st.Removed))
	m.counter("weft_store_damaged_reads_total", "Reads that met damage.", float64(st.Damaged))
	m.gauge("weft_store_writable", "1 when the store can be written.", flag(!st.DiskFull && !st.ReadOnly))
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
