package main

import (
	"fmt"

	"github.com/weft-trace/weft/server/span"
)

// page is what a browser asks for: the root of every trace.
func (f *flow) page(method, route, path string, body func(*flow) int) {
	f.do(method+" "+route, span.KindServer, served(method, route, path, 200, f.person()...), func(f *flow) {
		f.busy(0.8)
		code := body(f)
		f.answered(code)
		if code >= 500 {
			f.fail("", fmt.Sprintf("answered %d", code), "")
		}
		f.busy(1.5)
	})
}

func (f *flow) home() {
	f.page("GET", "/", "/", func(f *flow) int {
		f.call("edge", "GET", "/v1/home", "/v1/home", func(f *flow) int {
			f.together(
				func(f *flow) { f.recommended(6) },
				func(f *flow) {
					f.call("catalog", "GET", "/products", "/products?on=sale", func(f *flow) int {
						if !f.cached("GET", "products:sale", 0.9) {
							f.query("postgresql", "catalog", "SELECT product", "SELECT id, name, cents FROM product WHERE on_sale ORDER BY rank LIMIT $1", 7, 24)
							f.cached("SETEX", "products:sale 60", 1)
						}
						return 200
					})
				},
				func(f *flow) { f.session() },
			)
			return 200
		})
		f.do("render home", span.KindInternal, nil, func(f *flow) { f.busy(3) })
		return 200
	})
}

// recommended is allowed to fail: the page then does without.
func (f *flow) recommended(n int) {
	f.rpc("recommend", "store.Recommend/For", func(f *flow) int {
		f.set(str("model", []string{"als-7", "als-8"}[f.random.IntN(2)]), num("candidates", 200*n))
		f.cached("HGETALL", fmt.Sprintf("features:u-%04d", f.user), 0.97)
		f.do("rank", span.KindInternal, nil, func(f *flow) { f.busy(11) })
		if f.chance(0.02) {
			f.fail("IndexError", "list index out of range", pythonStack)
			return 13
		}
		return 0
	})
}

func (f *flow) session() {
	f.rpc("accounts", "store.Accounts/Session", func(f *flow) int {
		if !f.cached("GET", fmt.Sprintf("session:%08x", f.random.Uint32()), 0.95) {
			f.query("postgresql", "accounts", "SELECT session", "SELECT user_id, expires FROM session WHERE token = $1", 1.4, 1)
		}
		return 0
	})
}

func (f *flow) product() {
	sku := fmt.Sprintf("sku-%d", 1000+f.random.IntN(400))
	f.page("GET", "/products/{id}", "/products/"+sku, func(f *flow) int {
		code := f.call("edge", "GET", "/v1/products/{id}", "/v1/products/"+sku, func(f *flow) (code int) {
			f.together(
				func(f *flow) {
					code = f.call("catalog", "GET", "/products/{id}", "/products/"+sku, func(f *flow) int {
						f.set(str("product.sku", sku))
						if f.chance(0.01) {
							f.query("postgresql", "catalog", "SELECT product", "SELECT id, name, cents, text FROM product WHERE sku = $1", 1.8, 0)
							return 404
						}
						if !f.cached("GET", "product:"+sku, 0.8) {
							f.query("postgresql", "catalog", "SELECT product", "SELECT id, name, cents, text FROM product WHERE sku = $1", 1.8, 1)
							f.query("postgresql", "catalog", "SELECT image", "SELECT url, width, height FROM image WHERE product_id = $1 ORDER BY position", 2.2, 5)
							f.cached("SETEX", "product:"+sku+" 300", 1)
						}
						return 200
					})
				},
				func(f *flow) {
					f.call("inventory", "GET", "/stock/{sku}", "/stock/"+sku, func(f *flow) int { f.stock(1); return 200 })
				},
				func(f *flow) { f.recommended(2) },
			)
			return code
		})
		return code
	})
}

// stock asks how many there are. In version 2.4.0 the query has lost its index.
func (f *flow) stock(items int) {
	f.set(num("stock.items", items))
	if f.in.version == "2.4.0" {
		f.query("mysql", "inventory", "SELECT stock", "SELECT sku, SUM(quantity) FROM stock_movement WHERE LOWER(sku) IN (?) GROUP BY sku", 140+20*float64(items), items)
		return
	}
	f.query("mysql", "inventory", "SELECT stock", "SELECT sku, quantity FROM stock WHERE sku IN (?)", 2.1, items)
}

func (f *flow) find() {
	words := []string{"lamp", "desk", "chair+oak", "rug", "sofa+green", "shelf", "mirror", "curtain"}
	q := words[f.random.IntN(len(words))]
	f.page("GET", "/search", "/search?q="+q, func(f *flow) int {
		return f.call("edge", "GET", "/v1/search", "/v1/search?q="+q, func(f *flow) int {
			return f.call("search", "GET", "/query", "/query?q="+q, func(f *flow) int {
				f.set(str("search.words", q))
				f.do("parse words", span.KindInternal, nil, func(f *flow) { f.busy(0.6) })
				late := f.chance(0.006)
				ms := 19.0
				if late {
					ms = 1000
				}
				f.do("search products", span.KindClient, queried("opensearch", "products", `{"query":{"match":{"name":"?"}},"size":40}`, str("server.address", "opensearch"), num("db.response.returned_rows", 40)), func(f *flow) {
					f.busy(ms)
					if late {
						f.fail("java.net.SocketTimeoutException", "1,000 milliseconds timeout on connection http-outgoing-3", javaStack)
					}
				})
				if late {
					return 504
				}
				return 200
			})
		})
	})
}

func (f *flow) fill() {
	f.page("POST", "/cart/items", "/cart/items", func(f *flow) int {
		return f.call("edge", "POST", "/v1/cart/items", "/v1/cart/items", func(f *flow) int {
			f.session()
			return f.call("cart", "POST", "/items", "/items", func(f *flow) int {
				f.cached("HSET", fmt.Sprintf("cart:u-%04d", f.user), 1)
				f.call("catalog", "GET", "/prices", "/prices?sku=3", func(f *flow) int {
					f.query("postgresql", "catalog", "SELECT price", "SELECT sku, cents FROM price WHERE sku = ANY($1)", 1.6, 3)
					return 200
				})
				f.cached("HGETALL", fmt.Sprintf("cart:u-%04d", f.user), 1)
				return 200
			})
		})
	})
}

// checkout is the long one. The stock is kept at the instance in, if one is named.
func (f *flow) checkout(in *instance, fails bool) {
	items := 2 + f.random.IntN(4)
	f.page("POST", "/checkout", "/checkout", func(f *flow) int {
		f.set(num("cart.items", items))
		return f.call("edge", "POST", "/v1/orders", "/v1/orders", func(f *flow) int {
			f.session()
			return f.call("checkout", "POST", "/orders", "/orders", func(f *flow) int { return f.order(in, items, fails) })
		})
	})
}

func (f *flow) order(in *instance, items int, fails bool) int {
	f.set(num("cart.items", items), str("order.id", fmt.Sprintf("%08X", f.random.Uint32())))
	f.together(
		func(f *flow) {
			f.call("cart", "GET", "/carts/{user}", fmt.Sprintf("/carts/u-%04d", f.user), func(f *flow) int { f.cached("HGETALL", fmt.Sprintf("cart:u-%04d", f.user), 1); return 200 })
		},
		func(f *flow) {
			f.call("inventory", "POST", "/reservations", "/reservations", func(f *flow) int {
				if in != nil {
					f.in = in
					f.spans[f.number].Resource = in.resource
				}
				f.do("BEGIN", span.KindClient, queried("mysql", "inventory", "BEGIN", str("server.address", "inventory-db")), func(f *flow) { f.busy(0.3) })
				f.stock(items)
				f.query("mysql", "inventory", "UPDATE stock", "UPDATE stock SET quantity = quantity - ? WHERE sku = ? AND quantity >= ?", 2.5*float64(items), items)
				f.do("COMMIT", span.KindClient, queried("mysql", "inventory", "COMMIT", str("server.address", "inventory-db")), func(f *flow) { f.busy(2) })
				return 201
			})
		},
		func(f *flow) {
			f.call("shipping", "POST", "/quotes", "/quotes", func(f *flow) int {
				f.together(
					func(f *flow) { f.abroad("POST", "api.parcel.example", "/v2/rates", 55, 200) },
					func(f *flow) { f.abroad("POST", "rates.post.example", "/quote", 38, 200) },
				)
				return 200
			})
		},
	)
	code := f.call("payments", "POST", "/charges", "/charges", func(f *flow) int { return f.charge(fails) })
	if code != 200 {
		f.fail("", "payment refused: the provider is not available", "")
		return 502
	}
	f.query("postgresql", "orders", "INSERT order", "INSERT INTO customer_order (id, user_id, cents) VALUES ($1, $2, $3)", 2.4, 1)
	f.publish("orders.placed", "notify", func(f *flow) {
		f.query("postgresql", "notify", "SELECT template", "SELECT subject, body FROM template WHERE name = $1 AND language = $2", 1.2, 1)
		f.do("send mail", span.KindClient, []span.Attr{str("server.address", "smtp.mail.example"), num("server.port", 587), str("network.protocol.name", "smtp")}, func(f *flow) { f.busy(85) })
	})
	f.publish("orders.placed", "shipping", func(f *flow) {
		f.query("postgresql", "shipping", "INSERT parcel", "INSERT INTO parcel (order_id, carrier) VALUES ($1, $2)", 2, 1)
	})
	return 201
}

func (f *flow) charge(fails bool) int {
	f.set(str("payment.method", []string{"card", "card", "card", "invoice"}[f.random.IntN(4)]))
	f.query("postgresql", "payments", "SELECT customer", "SELECT provider_id FROM customer WHERE user_id = $1", 1.5, 1)
	if fails {
		for n := range 3 {
			f.abroad("POST", "api.pay.example", "/v1/charges", 120, 503)
			f.event("retry", num("attempt", n+2))
			f.busy(float64(int(50) << n))
		}
		f.fail("com.store.payments.ProviderUnavailable", "api.pay.example answered 503 three times", paymentsStack)
		return 503
	}
	f.abroad("POST", "api.pay.example", "/v1/charges", 95, 200)
	f.query("postgresql", "payments", "INSERT charge", "INSERT INTO charge (user_id, cents, provider_ref) VALUES ($1, $2, $3)", 2.2, 1)
	return 200
}

func (f *flow) login() {
	f.page("POST", "/login", "/login", func(f *flow) int {
		return f.call("edge", "POST", "/v1/login", "/v1/login", func(f *flow) int {
			wrong := f.chance(0.15)
			status := f.rpc("accounts", "store.Accounts/Login", func(f *flow) int {
				f.query("postgresql", "accounts", "SELECT user", "SELECT id, hash FROM account WHERE email = $1", 1.3, 1)
				f.do("compare hash", span.KindInternal, []span.Attr{str("algorithm", "argon2id")}, func(f *flow) { f.busy(62) })
				return 0
			})
			if wrong || status != 0 {
				return 401
			}
			return 200
		})
	})
}

func (f *flow) orders() {
	f.page("GET", "/account/orders", "/account/orders", func(f *flow) int {
		return f.call("edge", "GET", "/v1/orders", "/v1/orders", func(f *flow) int {
			f.session()
			return f.call("checkout", "GET", "/orders", "/orders", func(f *flow) int {
				n := 3 + f.random.IntN(12)
				f.query("postgresql", "orders", "SELECT order", "SELECT id, placed, cents FROM customer_order WHERE user_id = $1 ORDER BY placed DESC LIMIT $2", 4, n)
				for range n { // one query for each order: what a loop over an ORM does
					f.query("postgresql", "orders", "SELECT line", "SELECT sku, quantity, cents FROM order_line WHERE order_id = $1", 1.3, 3)
				}
				return 200
			})
		})
	})
}
