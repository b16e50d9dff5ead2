package outline

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/weft-trace/weft/server/span"
)

// decoded is a trace by columns, read as docs/format/columns.md says.
type decoded struct {
	header
	ids     []span.ID
	numbers map[string][]float64 // all columns but id
}

func decode(b []byte) (*decoded, error) {
	if len(b) < 16 || string(b[:8]) != "WEFTCOL1" {
		return nil, fmt.Errorf("%d bytes that begin with %q", len(b), b[:min(8, len(b))])
	}
	n := int(binary.LittleEndian.Uint32(b[8:]))
	if binary.LittleEndian.Uint32(b[12:]) != 0 || n%8 != 0 || n > len(b)-16 {
		return nil, fmt.Errorf("a header of %d bytes, in %d", n, len(b))
	}
	d := &decoded{numbers: map[string][]float64{}}
	r := json.NewDecoder(strings.NewReader(string(b[16 : 16+n])))
	r.DisallowUnknownFields()
	if err := r.Decode(&d.header); err != nil {
		return nil, err
	}
	at := 16 + n
	for _, c := range d.header.Columns {
		size, ok := map[string]int{"bytes8": 8, "u8": 1, "u16": 2, "u32": 4, "i32": 4, "f32": 4, "f64": 8}[c.Type]
		if want := (at + 7) &^ 7; !ok || c.Offset != want || c.Offset+size*c.Count > len(b) {
			return nil, fmt.Errorf("column %+v; want it at %d of %d bytes", c, want, len(b))
		}
		at = c.Offset + size*c.Count
		v := b[c.Offset:at]
		list := make([]float64, c.Count)
		for i := range list {
			switch v := v[i*size:]; c.Type {
			case "bytes8":
				d.ids = append(d.ids, span.ID(v[:8]))
			case "u8":
				list[i] = float64(v[0])
			case "u16":
				list[i] = float64(binary.LittleEndian.Uint16(v))
			case "u32":
				list[i] = float64(binary.LittleEndian.Uint32(v))
			case "i32":
				list[i] = float64(int32(binary.LittleEndian.Uint32(v)))
			case "f32":
				list[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(v)))
			case "f64":
				list[i] = math.Float64frombits(binary.LittleEndian.Uint64(v))
			}
		}
		if d.numbers[c.Name] != nil {
			return nil, fmt.Errorf("column %s is there twice", c.Name)
		}
		if c.Type != "bytes8" {
			d.numbers[c.Name] = list
		}
	}
	if at != len(b) {
		return nil, fmt.Errorf("%d bytes after the last column", len(b)-at)
	}
	return d, nil
}

// at returns a value of a column; 0 if the column is not there.
func (d *decoded) at(column string, row int) float64 {
	if d.numbers[column] == nil {
		return 0
	}
	return d.numbers[column][row]
}

// String writes all of it as text.
func (d *decoded) String() string {
	var b strings.Builder
	h, err := json.MarshalIndent(d.header, "", "  ")
	fmt.Fprintf(&b, "%s %v\n", h, err)
	for _, c := range d.header.Columns {
		fmt.Fprintf(&b, "%s:", c.Name)
		for i := range c.Count {
			if c.Type == "bytes8" {
				fmt.Fprintf(&b, " %s", d.ids[i])
			} else {
				fmt.Fprintf(&b, " %v", d.numbers[c.Name][i])
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
