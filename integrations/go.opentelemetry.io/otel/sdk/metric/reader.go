//go:build weft

// What an exporter does for the sake of metrics is no part of any trace.
//
//weft:when v>=1.24.0 <2.0.0
//weft:tested v1.47.0

package metric

import "weft/trace"

// weftExport is what is kept while metrics are collected and exported.
type weftExport struct{ unmute func() }

//weft:enter (*PeriodicReader).collectAndExport
func weftExporting(s *weftExport, _ *PeriodicReader) { s.unmute = trace.Mute() }

//weft:exit (*PeriodicReader).collectAndExport
func weftExported(s *weftExport, _ *PeriodicReader) { s.unmute() }

// The last export.
//
//weft:enter (*PeriodicReader).Shutdown
func weftEnding(s *weftExport, _ *PeriodicReader) { s.unmute = trace.Mute() }

//weft:exit (*PeriodicReader).Shutdown
func weftEnded(s *weftExport, _ *PeriodicReader) { s.unmute() }
