//go:build !race

package collect

const underRace = false
