// Command app does one thing with go-redis, by the name given to it, with the
// servers whose addresses follow, and prints what can be seen of it from inside the
// program. It must print the same when it is woven, and builds with every version of
// go-redis that the integration is for.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

var scenarios = map[string]func(addrs []string){
	"commands": commands,
	"errors":   failures,
	"batches":  batches,
	"watch":    watch,
	"scripts":  scripts,
	"conns":    conns,
	"hooks":    hooks,
	"auto":     auto,
	"async":    async,
	"ring":     ring,
	"cluster":  cluster,
	"failover": failover,
	"request":  request,
	"pubsub":   pubsub,
	"pool":     pool,
}

var ctx = context.Background()

func main() {
	log.SetFlags(0)
	redis.SetLogger(quiet{})
	do, ok := scenarios[os.Args[1]]
	if !ok {
		log.Fatalf("no scenario %q", os.Args[1])
	}
	do(os.Args[2:])
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func check(err error) {
	if err != nil {
		log.Fatalf("app: %v", err)
	}
}

// open returns a client of the server at addr with nothing in its database, and
// with a connection.
func open(addr string, change ...func(*redis.Options)) *redis.Client {
	// Without what later versions ask for on a new connection, each in another way.
	opt := &redis.Options{Addr: addr, DB: 3, MaxRetries: -1}
	for _, f := range change {
		f(opt)
	}
	c := redis.NewClient(opt)
	check(c.FlushDB(ctx).Err())
	return c
}

func commands(addrs []string) {
	c := open(addrs[0])
	defer c.Close()
	fmt.Println(c.Set(ctx, "user:ann", "secret", time.Hour))
	fmt.Println(c.Get(ctx, "user:ann"))
	fmt.Println(c.Get(ctx, "nobody"))
	fmt.Println(c.MGet(ctx, "user:ann", "b", "c", "d", "e", "f", "g", "h", "i", "j"))
	fmt.Println(c.HSet(ctx, "hash", "field", 1, "other", 2))
	fmt.Println(c.HGetAll(ctx, "hash").Val()["other"])
	fmt.Println(c.Do(ctx, "INCRBY", "n", 5))
	fmt.Println(c.Do(ctx, "OBJECT", "encoding", "n").Val() != "")
	fmt.Println(c.ConfigGet(ctx, "appendonly").Err())
	fmt.Println(c.RPush(ctx, "list", 1), c.BLPop(ctx, time.Minute, "list"))
	var keys []string
	for it := c.Scan(ctx, 0, "*", 100).Iterator(); it.Next(ctx); {
		keys = append(keys, it.Val())
	}
	sort.Strings(keys)
	fmt.Println(keys)
	cmd := redis.NewStringCmd(ctx, "get", "n")
	check(c.Process(ctx, cmd))
	fmt.Println(cmd.Val())
	fmt.Println(c.Publish(ctx, "channel", "message"))
}

type limiter struct{ err error }

func (l *limiter) Allow() error       { return l.err }
func (l *limiter) ReportResult(error) {}

func failures(addrs []string) {
	lim := new(limiter)
	c := open(addrs[0], func(o *redis.Options) { o.Limiter = lim; o.ContextTimeoutEnabled = true })
	defer c.Close()
	check(c.Set(ctx, "text", "abc", 0).Err())
	fmt.Println(c.LPush(ctx, "text", 1).Err())
	fmt.Println(c.Do(ctx, "nosuch", "secret", "secret").Err())
	done, cancel := context.WithCancel(ctx)
	cancel()
	fmt.Println(c.Get(done, "text").Err())
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	err := c.BLPop(short, 0, "empty").Err()
	fmt.Println(errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded))
	lim.err = errors.New("too many")
	fmt.Println(c.Get(ctx, "text").Err())
	nowhere := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: 2, MinRetryBackoff: time.Millisecond, MaxRetryBackoff: time.Millisecond})
	defer nowhere.Close()
	fmt.Println(nowhere.Ping(ctx).Err() != nil)
}

func batches(addrs []string) {
	c := open(addrs[0])
	defer c.Close()
	cmds, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, "a", "secret", 0)
		p.Get(ctx, "a")
		p.Incr(ctx, "n")
		return nil
	})
	fmt.Println(cmds, err)
	p := c.Pipeline()
	for i := range 20 {
		p.Set(ctx, fmt.Sprint("k", i), i, 0)
	}
	cmds, err = p.Exec(ctx)
	fmt.Println(len(cmds), err)
	cmds, err = c.Pipelined(ctx, func(p redis.Pipeliner) error { p.Get(ctx, "a"); return nil })
	fmt.Println(cmds, err)
	cmds, err = c.Pipelined(ctx, func(p redis.Pipeliner) error { return nil })
	fmt.Println(cmds, err)
	cmds, err = c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Get(ctx, "missing")
		p.Get(ctx, "a")
		return nil
	})
	fmt.Println(cmds, err)
	_, err = c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Get(ctx, "missing")
		p.LPush(ctx, "a", 1)
		return nil
	})
	fmt.Println(err)
	cmds, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "n")
		p.Incr(ctx, "n")
		return nil
	})
	fmt.Println(cmds, err)
	tx := c.TxPipeline()
	tx.Incr(ctx, "n")
	cmds, err = tx.Exec(ctx)
	fmt.Println(cmds, err)
}

func watch(addrs []string) {
	c := open(addrs[0])
	defer c.Close()
	fmt.Println(c.Watch(ctx, func(tx *redis.Tx) error {
		n, err := tx.Get(ctx, "n").Int()
		if err != nil && err != redis.Nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "n", n+1, 0)
			return nil
		})
		return err
	}, "n"))
	fmt.Println(c.Watch(ctx, func(tx *redis.Tx) error {
		check(c.Set(ctx, "n", "other", 0).Err())
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "n", 7, 0)
			return nil
		})
		return err
	}, "n"))
}

func scripts(addrs []string) {
	c := open(addrs[0])
	defer c.Close()
	check(c.ScriptFlush(ctx).Err())
	s := redis.NewScript("return ARGV[1]")
	fmt.Println(s.Run(ctx, c, []string{"k"}, "secret"))
	fmt.Println(s.Run(ctx, c, []string{"k"}, "secret"))
}

// conns has one connection, clients made of others, and a closed one.
func conns(addrs []string) {
	c := open(addrs[0])
	conn := c.Conn()
	fmt.Println(conn.ClientSetName(ctx, "me"), conn.ClientGetName(ctx))
	_, err := conn.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Select(ctx, 3)
		p.Ping(ctx)
		return nil
	})
	fmt.Println(err)
	check(conn.Close())
	fmt.Println(c.WithTimeout(time.Minute).Ping(ctx))
	check(c.Close())
	fmt.Println(c.Ping(ctx).Err())
}

// A hook prints what it sees, and asks something itself.
type hook struct{ c *redis.Client }

func (h hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		fmt.Printf("dial %s %T\n", network, conn)
		return conn, err
	}
}

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "hello" || cmd.Name() == "client" {
			return next(ctx, cmd)
		}
		fmt.Printf("before %v %T\n", cmd, ctx)
		if cmd.Name() == "get" {
			h.c.Echo(ctx, "hook")
		}
		err := next(ctx, cmd)
		fmt.Println("after", cmd)
		return err
	}
}

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if cmd.Name() == "client" || cmd.Name() == "select" {
				return next(ctx, cmds)
			}
		}
		fmt.Println("pipeline", len(cmds))
		return next(ctx, cmds)
	}
}

func hooks(addrs []string) {
	other := open(addrs[0])
	defer other.Close()
	c := redis.NewClient(&redis.Options{Addr: addrs[0], DB: 3})
	defer c.Close()
	c.AddHook(hook{other})
	fmt.Println(c.Set(ctx, "a", 1, 0))
	fmt.Println(c.Get(ctx, "a"))
	cmds, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Get(ctx, "a")
		p.Get(ctx, "a")
		return nil
	})
	fmt.Println(len(cmds), err)
}

// auto uses the client that gathers the commands of its callers, where there is one.
func auto(addrs []string) {
	c := open(addrs[0])
	defer c.Close()
	a := redis.Cmdable(c)
	if m := reflect.ValueOf(c).MethodByName("AutoPipeline"); m.IsValid() {
		a = m.Call(nil)[0].Interface().(redis.Cmdable) // since v9.22
	}
	fmt.Println(a.Set(ctx, "a", 1, 0), a.Get(ctx, "a"), a.LPush(ctx, "a", 1).Err())
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			check(a.Get(ctx, "a").Err())
		}()
	}
	wg.Wait()
	fmt.Println(a.BLPop(ctx, time.Second, "a").Err()) // not gathered: it blocks
	fmt.Println(a.Get(ctx, "missing"))
}

// async does the same with the one that does not block.
func async(addrs []string) {
	c := open(addrs[0])
	defer c.Close()
	a := redis.Cmdable(c)
	if m := reflect.ValueOf(c).MethodByName("AsyncAutoPipeline"); m.IsValid() {
		a = m.Call(nil)[0].Interface().(redis.Cmdable)
	}
	set, get, push, missing := a.Set(ctx, "a", 1, 0), a.Get(ctx, "a"), a.LPush(ctx, "a", 1), a.Get(ctx, "missing")
	fmt.Println(set.Val(), get.Val(), push.Err(), missing.Err())
	fmt.Println(a.Get(ctx, "a").Val())
	fmt.Println(a.BLPop(ctx, time.Second, "a").Err())
}

func ring(addrs []string) {
	r := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"one": addrs[0], "two": addrs[0]}, HeartbeatFrequency: 5 * time.Millisecond})
	defer r.Close()
	check(r.ForEachShard(ctx, func(ctx context.Context, c *redis.Client) error { return nil }))
	for i := range 4 {
		fmt.Println(r.Set(ctx, fmt.Sprint("ring", i), i, time.Minute))
	}
	_, err := r.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 8 {
			p.Get(ctx, fmt.Sprint("ring", i%4))
		}
		return nil
	})
	fmt.Println(err)
	_, err = r.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 8 {
			p.Get(ctx, fmt.Sprint("ring", i%4))
		}
		return nil
	})
	fmt.Println(err)
	time.Sleep(50 * time.Millisecond) // heartbeats
	fmt.Println(r.Get(ctx, "ring1"))
}

func failover(addrs []string) {
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: addrs[0], SentinelAddrs: addrs[1:]})
	defer c.Close()
	fmt.Println(c.Set(ctx, "failover", 1, time.Minute))
	fmt.Println(c.Get(ctx, "failover"))
	s := redis.NewSentinelClient(&redis.Options{Addr: addrs[1]})
	defer s.Close()
	addr, err := s.GetMasterAddrByName(ctx, addrs[0]).Result()
	fmt.Println(len(addr), err)
}

func cluster(addrs []string) {
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	defer c.Close()
	for i := range 6 {
		fmt.Println(c.Set(ctx, fmt.Sprint("key", i), "secret", 0))
	}
	fmt.Println(c.Get(ctx, "key1"))
	fmt.Println(c.Get(ctx, "missing"))
	cmds, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 6 {
			p.Get(ctx, fmt.Sprint("key", i))
		}
		return nil
	})
	fmt.Println(cmds, err)
	cmds, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "{tag}a")
		p.Incr(ctx, "{tag}b")
		return nil
	})
	fmt.Println(len(cmds), err)
	// A slot that is on its way to another node: the owner sends the client there.
	slot, err := c.ClusterKeySlot(ctx, "moving").Result()
	check(err)
	owner, err := c.MasterForKey(ctx, "moving")
	check(err)
	var target *redis.Client
	for _, addr := range addrs {
		if addr != owner.Options().Addr {
			target = redis.NewClient(&redis.Options{Addr: addr})
			break
		}
	}
	defer target.Close()
	ownerID, targetID := id(owner), id(target)
	check(target.Do(ctx, "cluster", "setslot", slot, "importing", ownerID).Err())
	check(owner.Do(ctx, "cluster", "setslot", slot, "migrating", targetID).Err())
	fmt.Println(c.Set(ctx, "moving", "asked", 0), c.Get(ctx, "moving"))
	// And when it has moved, and the client does not know that yet.
	for _, addr := range addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		check(node.Do(ctx, "cluster", "setslot", slot, "node", targetID).Err())
		check(node.Close())
	}
	fmt.Println(c.Get(ctx, "moving"))
	// A node's own client, which the program uses itself.
	err = c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return node.Echo(ctx, "node").Err() })
	fmt.Println(err)
	check(c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return node.FlushAll(ctx).Err() }))
	for _, addr := range addrs { // as it was
		node := redis.NewClient(&redis.Options{Addr: addr})
		check(node.Do(ctx, "cluster", "setslot", slot, "node", ownerID).Err())
		check(node.Close())
	}
}

func id(c *redis.Client) string {
	s, err := c.Do(ctx, "cluster", "myid").Text()
	check(err)
	return strings.TrimSpace(s)
}
