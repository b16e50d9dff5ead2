package main

// Stack traces as the languages write them.

const goStack = `goroutine 3187 [running]:
runtime/debug.Stack()
	/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
example.com/store/orders.(*Service).Place.func1()
	/src/orders/place.go:48 +0x4f
panic({0x8f2a40?, 0xd3f5c0?})
	/usr/local/go/src/runtime/panic.go:787 +0x132
example.com/store/orders.(*Basket).Total(...)
	/src/orders/basket.go:71
example.com/store/orders.(*Service).Place(0xc0001b2000, {0x9e1a58, 0xc00041a0f0}, 0x0)
	/src/orders/place.go:61 +0x1d4
example.com/store/orders.(*Server).post(0xc0001b2000, {0x9df9b0, 0xc0003d62a0}, 0xc000416140)
	/src/orders/http.go:112 +0x29c
net/http.HandlerFunc.ServeHTTP(0xc00011d4e0?, {0x9df9b0?, 0xc0003d62a0?}, 0x47c0d6?)
	/usr/local/go/src/net/http/server.go:2294 +0x29
net/http.(*ServeMux).ServeHTTP(0x4135e5?, {0x9df9b0, 0xc0003d62a0}, 0xc000416140)
	/usr/local/go/src/net/http/server.go:2822 +0x1c4
net/http.serverHandler.ServeHTTP({0xc0000a8f00?}, {0x9df9b0?, 0xc0003d62a0?}, 0x6?)
	/usr/local/go/src/net/http/server.go:3301 +0x8e
net/http.(*conn).serve(0xc0001ca000, {0x9e1a58, 0xc000187a10})
	/usr/local/go/src/net/http/server.go:2102 +0x625
created by net/http.(*Server).Serve in goroutine 19
	/usr/local/go/src/net/http/server.go:3454 +0x485
`

const javaStack = `java.net.SocketTimeoutException: 1,000 milliseconds timeout on connection http-outgoing-3 [ACTIVE]
	at org.elasticsearch.client.RestClient.extractAndWrapCause(RestClient.java:917)
	at org.elasticsearch.client.RestClient.performRequest(RestClient.java:300)
	at com.store.search.ProductIndex.query(ProductIndex.java:88)
	at com.store.search.QueryController.get(QueryController.java:41)
	at java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(DirectMethodHandleAccessor.java:103)
	at org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:255)
	at org.apache.tomcat.util.net.NioEndpoint$SocketProcessor.doRun(NioEndpoint.java:1744)
	at java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.net.SocketTimeoutException: 1,000 milliseconds timeout on connection http-outgoing-3 [ACTIVE]
	at org.apache.http.nio.protocol.HttpAsyncRequestExecutor.timeout(HttpAsyncRequestExecutor.java:387)
	at org.apache.http.impl.nio.reactor.AbstractIODispatch.timeout(AbstractIODispatch.java:175)
	... 9 more
`

const pythonStack = `Traceback (most recent call last):
  File "/app/recommend/server.py", line 64, in For
    return self.ranked(request, candidates[0])
                                ~~~~~~~~~~^^^
  File "/app/recommend/rank.py", line 31, in candidates
    return self.index.nearest(user, n)[: self.most]
IndexError: list index out of range
`

const paymentsStack = `com.store.payments.ProviderUnavailable: api.pay.example answered 503 three times
	at com.store.payments.ProviderClient.charge(ProviderClient.java:127)
	at com.store.payments.ChargeController.post(ChargeController.java:58)
	at java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(DirectMethodHandleAccessor.java:103)
	at org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:255)
	at org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1088)
	at org.apache.tomcat.util.net.NioEndpoint$SocketProcessor.doRun(NioEndpoint.java:1744)
	at java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.net.http.HttpTimeoutException: request timed out
	at java.net.http/jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:955)
	at com.store.payments.ProviderClient.send(ProviderClient.java:163)
	... 6 more
`
