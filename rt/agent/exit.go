package agent

// How a program ends, and what weft does about it:
//
//	return from main, os.Exit, log.Fatal     an exit hook flushes, in the goroutine that ends the program
//	a panic that nobody recovers             weft flushes before the runtime prints it and exits with 2
//	SIGTERM, SIGINT, SIGHUP by default       the runtime holds the signal back; the agent flushes, then lets it strike
//	the same, handled by the program         nothing: the program ends in one of the other ways, or not at all
//	SIGKILL, a fatal error of the runtime,   what was recorded and not yet sent is lost
//	syscall.Exec, a crash in C
//
// A flush takes at most exitWait. It takes no time if nothing is pending, and next to none if nobody listens at the endpoint.
