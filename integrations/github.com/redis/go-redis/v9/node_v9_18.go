//go:build weft && go1.22

//weft:when v>=9.18.0 <10.0.0
package redis

//weft:exit newClusterNodeWithNodeAddress
func weftClusterNode(_ **ClusterOptions, _, _ *string, n **clusterNode) {
	if *n != nil {
		weftNode((*n).Client)
	}
}
