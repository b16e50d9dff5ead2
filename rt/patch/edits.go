package patch

// file is what is edited in one file of std.
type file struct {
	name  string // import path and base name
	edits []edit
}

// edit replaces old by new. It holds for Go 1.from to 1.to, 0 meaning no bound.
type edit struct {
	old, new string
	from, to int
}

var files = []file{
	{"runtime/runtime2.go", []edit{{
		old: "	labels          unsafe.Pointer // profiler labels\n",
		new: "	weft weftState; labels          unsafe.Pointer // profiler labels\n",
	}}},

	{"runtime/proc.go", []edit{
		// The go statement. Goroutines of the runtime itself inherit nothing; those of
		// weft's own count among them. A g may have been another goroutine's before.
		{
			old: "	if isSystemGoroutine(newg, false) {\n		sched.ngsys.Add(1)\n	} else {\n",
			new: "	if weftBirth(newg, callergp); isSystemGoroutine(newg, false) {\n		sched.ngsys.Add(1)\n	} else {\n",
		},
		{
			old: "		newg.bubble = callergp.bubble\n",
			new: "		newg.bubble = callergp.bubble; weftInherit(newg, callergp)\n",
		},
		{ // the race detector sees weft/trace use the g, which another goroutine had before
			old: "		newg.raceignore = 0\n",
			new: "		newg.raceignore = 0; racemalloc(unsafe.Pointer(&newg.weft), unsafe.Sizeof(WeftContext{}))\n",
		},
		// A held signal: its deadline, and a program that comes to its own end first.
		{
			old: "		usleep(delay)\n\n		// sysmon should not enter deep sleep",
			new: "		usleep(delay); weftOverdue()\n\n		// sysmon should not enter deep sleep",
		},
		{
			old: "	exithook.Run(code)\n",
			new: "	exithook.Run(code); WeftDie()\n",
		},
	}},

	{"runtime/traceback.go", []edit{{ // weft's own goroutines: not counted, not shown, no obstacle to finding a deadlock
		old: "	// Keep this in sync with internal/trace.IsSystemGoroutine.\n",
		new: "	if gp.weft.home == weftHidden { return true } // Keep this in sync with internal/trace.IsSystemGoroutine.\n",
	}}},

	{"runtime/coro.go", []edit{
		{
			old: "	f  func(*coro)\n",
			new: "	f  func(*coro); weft guintptr // the coroutine's own goroutine\n",
		},
		{
			old: "	c.gp.set(gp)\n	return c\n",
			new: "	c.gp.set(gp); c.weft.set(gp)\n	return c\n",
		},
		{
			old: "	setGNoWB(&mp.curg, gnext)\n",
			new: "	if !exit && gnext == c.weft.ptr() && weftDiffer(gnext, gp) { weftResume(gnext, gp) }; setGNoWB(&mp.curg, gnext)\n",
		},
	}},

	{"runtime/chan.go", []edit{
		{ // in a gap of the structure
			old: "	elemsize uint16\n",
			new: "	elemsize uint16; weft uint16 // see weft_chan.go\n",
		},
		{ // make: the header of a buffered channel is scanned
			old: "		c = (*hchan)(mallocgc(hchanSize+mem, nil, true))\n		c.buf = add(unsafe.Pointer(c), hchanSize)\n",
			new: "		c = weftMakeChan(mem, size)\n		// c.buf is set\n",
		},
		{
			old: "		c = new(hchan)\n",
			new: "		c = weftMakeHeader(size)\n",
		},
		{ // who made it
			old: "	c.dataqsiz = uint(size)\n",
			new: "	c.dataqsiz = uint(size); c.weftMade()\n",
		},
		{ // send into the buffer
			old: "		typedmemmove(c.elemtype, qp, ep)\n",
			new: "		typedmemmove(c.elemtype, qp, ep); if gp := getg(); c.weftOnSend(gp) { c.weftPut(gp, qp, c.qcount) }\n",
		},
		{ // receive
			old: "	if !block && empty(c) {\n",
			new: "	c.weftReceives(getg(), sys.GetCallerSP()); if !block && empty(c) {\n",
		},
		{ // receive from the buffer
			old: "			typedmemmove(c.elemtype, ep, qp)\n		}\n		typedmemclr(c.elemtype, qp)\n",
			new: "			typedmemmove(c.elemtype, ep, qp)\n		}\n		if gp := getg(); c.weftOn(gp) { if !block { gp.weft.flags |= weftPolls }; c.weftTake(gp, qp); gp.weft.flags &^= weftPolls }; typedmemclr(c.elemtype, qp)\n",
		},
		{ // send to a receiver that waits
			old: "func send(c *hchan, sg *sudog, ep unsafe.Pointer, unlockf func(), skip int) {\n",
			new: "func send(c *hchan, sg *sudog, ep unsafe.Pointer, unlockf func(), skip int) { if gp := getg(); c.weftOnSend(gp) || c.weftOn(sg.g) { c.weftHand(sg.g, gp, ep) }\n",
		},
		{ // receive from a sender that waits, directly
			old:  "	if c.dataqsiz == 0 {\n		if raceenabled {\n			racesync(c, sg)\n		}\n		if ep != nil {\n",
			new:  "	if c.dataqsiz == 0 {\n		if gp := getg(); c.weftOn(gp) || c.weftOnSend(sg.g) { c.weftHand(gp, sg.g, sg.elem.get()) }; if raceenabled {\n			racesync(c, sg)\n		}\n		if ep != nil {\n",
			from: 26,
		},
		{
			old: "	if c.dataqsiz == 0 {\n		if raceenabled {\n			racesync(c, sg)\n		}\n		if ep != nil {\n",
			new: "	if c.dataqsiz == 0 {\n		if gp := getg(); c.weftOn(gp) || c.weftOnSend(sg.g) { c.weftHand(gp, sg.g, sg.elem) }; if raceenabled {\n			racesync(c, sg)\n		}\n		if ep != nil {\n",
			to:  25,
		},
		{ // with a default, from a sender that waits
			old: "			recv(c, sg, ep, func() { unlock(&c.lock) }, 3)\n",
			new: "			if !block { getg().weft.flags |= weftPolls }; recv(c, sg, ep, func() { unlock(&c.lock) }, 3); getg().weft.flags &^= weftPolls\n",
		},
		{ // about to wait
			old: "	c.sendq.enqueue(mysg)\n",
			new: "	if gp.weft.home == weftNew && c.weftCarrier() { gp.weft.home = weftAsker }; c.sendq.enqueue(mysg)\n",
		},
		{ // receive from a closed channel
			old: "			if raceenabled {\n				raceacquire(c.raceaddr())\n			}\n			unlock(&c.lock)\n",
			new: "			if raceenabled {\n				raceacquire(c.raceaddr())\n			}\n			getg().weftForgo(c); unlock(&c.lock)\n",
		},
		{
			old: "	success := mysg.success\n",
			new: "	success := mysg.success; if !success { gp.weftForgo(c) }\n",
		},
		{ // receive from a full buffer
			old: "		// copy data from queue to receiver\n",
			new: "		if gp := getg(); c.weftOn(gp) { c.weftTake(gp, qp) } // copy data from queue to receiver\n",
		},
		{ // and let the sender that waits put its value into it
			old: "		c.sendx = c.recvx // c.sendx = (c.sendx+1) % c.dataqsiz\n	}\n	sg.elem",
			new: "		c.sendx = c.recvx; if c.weftOnSend(sg.g) { c.weftPut(sg.g, qp, c.qcount-1) } // c.sendx = (c.sendx+1) % c.dataqsiz\n	}\n	sg.elem",
		},
	}},

	{"runtime/select.go", []edit{
		{
			old: "	gp := getg()\n	if debugSelect {\n		print(\"select: cas0",
			new: "	gp := getg(); if !block || gp.weft.home != weftAsker { gp.weftSelect(cas0, nsends, nrecvs, block, sys.GetCallerSP()) }\n	if debugSelect {\n		print(\"select: cas0",
		},
		{
			old: "retc:\n	if caseReleaseTime > 0 {\n",
			new: "retc:\n	gp.weft.flags &^= weftPicks | weftPolls; if caseReleaseTime > 0 {\n",
		},
		{ // receive from the buffer
			old: "	typedmemclr(c.elemtype, qp)\n",
			new: "	if c.weftOn(gp) { c.weftTake(gp, qp) }; typedmemclr(c.elemtype, qp)\n",
		},
		{ // send into the buffer
			old: "	typedmemmove(c.elemtype, chanbuf(c, c.sendx), cas.elem)\n",
			new: "	typedmemmove(c.elemtype, chanbuf(c, c.sendx), cas.elem); if c.weftOnSend(gp) { c.weftPut(gp, cas.elem, c.qcount) }\n",
		},
	}},

	{"runtime/sema.go", []edit{ // sync.Cond
		{
			old: "		readyWithTime(s, 4)\n		s = next\n",
			new: "		s.g.weftWoken(getg()); readyWithTime(s, 4)\n		s = next\n",
		},
		{
			old: "			readyWithTime(s, 4)\n			return\n",
			new: "			s.g.weftWoken(getg()); readyWithTime(s, 4)\n			return\n",
		},
		{ // notified before it waits, by whomever
			old: "	if less(t, l.notify) {\n		unlock(&l.lock)\n		return\n",
			new: "	if less(t, l.notify) {\n		unlock(&l.lock); getg().weftWoken(nil)\n		return\n",
		},
	}},

	{"runtime/panic.go", []edit{{
		old: "	preprintpanics(&p)\n\n	fatalpanic(&p)",
		new: "	preprintpanics(&p); weftUnrecovered()\n\n	fatalpanic(&p)",
	}}},

	{"runtime/signal_unix.go", []edit{{
		old: "	if flags&_SigKill != 0 {\n		dieFromSignal(sig)\n	}\n\n	// _SigThrow means",
		new: "	if flags&_SigKill != 0 {\n		if weftHold(sig) { return }; dieFromSignal(sig)\n	}\n\n	// _SigThrow means",
	}}},

	{"time/sleep.go", []edit{
		{
			old:  "	return newTimer(when(d), 0, goFunc, f, nil)\n",
			new:  "	return newTimer(when(d), 0, goFunc, weftArg(f), nil)\n",
			from: 26,
		},
		{
			old: "	return (*Timer)(newTimer(when(d), 0, goFunc, f, nil))\n",
			new: "	return (*Timer)(newTimer(when(d), 0, goFunc, weftArg(f), nil))\n",
			to:  25,
		},
		{
			old: "	go arg.(func())()\n",
			new: "	if w, ok := arg.(*weftFunc); ok { old := weftSwap(w.context); go w.f(); weftSwap(old); return }; go arg.(func())()\n",
		},
	}},

	// A test that is over is in no request any more; it must not put those that it
	// wakes into one.
	{"testing/testing.go", []edit{{
		old: "	defer func() {\n		t.checkRaces()\n",
		new: "	defer func() {\n		runtime.WeftSwap(runtime.WeftContext{}); t.checkRaces()\n",
	}}},

	{"context/context.go", []edit{
		{
			old: "	a := &afterFuncCtx{\n		f: f,\n",
			new: "	a := &afterFuncCtx{\n		f: f, weft: weftCurrent(),\n",
		},
		{
			old: "	f    func()\n}\n",
			new: "	f    func(); weft weftContext\n}\n",
		},
		{
			old: "		go a.f()\n",
			new: "		old := weftSwap(a.weft); go a.f(); weftSwap(old)\n",
		},
	}},
}
