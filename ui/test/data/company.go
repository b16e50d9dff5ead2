package main

import (
	"context"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"time"

	"github.com/weft-trace/weft/server/span"
)

// company is a shop on the net: twelve services, what they ask each other, and what they keep. It is a pure function of its
// seed and of the time.
type company struct {
	seed      uint64
	rate      float64
	now       time.Time
	slow      int64 // when the second instance of inventory got the slow version
	instances map[string][]*instance
	slowOne   *instance
	ids       map[string]string
}

func newCompany(seed uint64, rate float64, now time.Time, slowFor time.Duration) *company {
	c := &company{seed: seed, rate: rate, now: now, slow: now.Add(-slowFor).UnixNano(), instances: map[string][]*instance{}, ids: map[string]string{}}
	if slowFor == 0 {
		c.slow = math.MaxInt64
	}
	for i, s := range []struct {
		name, version, language string
		instances               int
	}{
		{"web", "5.12.0", "nodejs", 2}, {"edge", "3.4.1", "go", 2}, {"catalog", "2.18.0", "go", 3}, {"search", "1.9.3", "java", 2}, {"cart", "4.0.2", "go", 2}, {"checkout", "3.7.5", "go", 2},
		{"payments", "2.2.0", "java", 2}, {"inventory", "2.3.1", "go", 2}, {"shipping", "1.4.4", "python", 1}, {"recommend", "0.31.0", "python", 2}, {"accounts", "2.11.0", "go", 2}, {"notify", "1.1.0", "go", 1},
	} {
		for n := range s.instances {
			c.instances[s.name] = append(c.instances[s.name], newInstance(i, n, s.name, s.version, s.language))
		}
	}
	c.slowOne = newInstance(7, 2, "inventory", "2.4.0", "go")
	return c
}

func newInstance(i, n int, service, version, language string) *instance {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	pod := fmt.Sprintf("%s-%x-%c%c%c%c", service, crc32.ChecksumIEEE([]byte(service+version)), letters[(i*7+n*5)%27], letters[(i*3+n*11)%27], letters[(i*13+n*17)%27], letters[(i*5+n*3)%27])
	region := []string{"eu-west-1", "us-east-1"}[n%2]
	return &instance{resource(service, "service.version", version, "service.namespace", "store", "deployment.environment.name", "production", "cloud.region", region,
		"k8s.pod.name", pod, "host.name", fmt.Sprintf("node-%d.%s", 10+(i*3+n)%8, region), "telemetry.sdk.language", language), version}
}

// pick chooses the instance that gets a request.
func (c *company) pick(r *rand.Rand, service string, at int64) *instance {
	all := c.instances[service]
	in := all[r.IntN(len(all))]
	if service == "inventory" && at >= c.slow && in == all[1] {
		return c.slowOne
	}
	return in
}

// past sends what happened in the time before now.
func (c *company) past(ctx context.Context, out *sender, history time.Duration) error {
	if history == 0 {
		return nil
	}
	n := 0
	begin := c.now.Add(-history).UnixNano()
	for at := begin; at < c.now.Add(-2*time.Second).UnixNano(); n++ {
		if err := out.send(ctx, c.ask(fmt.Sprintf("past %d", n), at), nil); err != nil {
			return err
		}
		at += c.pause(uint64(n), at)
	}
	for _, known := range []struct {
		name string
		ago  time.Duration
		in   *instance
		fail bool
	}{
		{"checkout", 4 * time.Minute, c.slowOne, false},
		{"checkout-before", 40 * time.Minute, c.instances["inventory"][0], false},
		{"checkout-failed", 6 * time.Minute, c.instances["inventory"][0], true},
	} {
		f := newRequest(c, known.name, c.now.Add(-known.ago).UnixNano())
		f.user = 115
		f.checkout(known.in, known.fail)
		c.ids[known.name] = f.id.String()
		if err := out.send(ctx, f.spans, nil); err != nil {
			return err
		}
	}
	return nil
}

// live sends what happens, when it has happened, until ctx ends.
func (c *company) live(ctx context.Context, out *sender) error {
	start := time.Now()
	at := start.UnixNano()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := uint64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			// What started ten seconds ago has ended by now.
			for ; at < now.Add(-5*time.Second).UnixNano(); n++ {
				if err := out.send(ctx, c.ask(fmt.Sprintf("live %d %d", start.UnixNano(), n), at), nil); err != nil {
					return err
				}
				at += c.pause(n+uint64(start.UnixNano()), at)
			}
			if err := out.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// pause is the time until the next request: people come in waves.
func (c *company) pause(n uint64, at int64) int64 {
	r := rand.New(rand.NewPCG(c.seed^0xa11ce, n))
	minutes := float64(at) / float64(time.Minute)
	rate := c.rate * (1 + 0.35*math.Sin(minutes/11) + 0.12*math.Sin(minutes/1.7))
	return int64(r.ExpFloat64() / rate * 1e9)
}

// ask is one request of somebody.
func (c *company) ask(name string, at int64) []span.Span {
	f := newRequest(c, name, at)
	switch p := f.random.IntN(100); {
	case p < 22:
		f.home()
	case p < 52:
		f.product()
	case p < 70:
		f.find()
	case p < 82:
		f.fill()
	case p < 91:
		f.checkout(nil, f.chance(0.02))
	case p < 96:
		f.login()
	default:
		f.orders()
	}
	return f.spans
}
