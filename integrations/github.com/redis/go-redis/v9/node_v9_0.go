//go:build weft && go1.22

//weft:when v>=9.0.0 <9.18.0
package redis

//weft:exit newClusterNode
func weftClusterNode(_ **ClusterOptions, _ *string, n **clusterNode) {
	if *n != nil {
		weftNode((*n).Client)
	}
}
