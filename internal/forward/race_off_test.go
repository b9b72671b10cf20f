//go:build !race

package forward_test

const usualRounds = 50
