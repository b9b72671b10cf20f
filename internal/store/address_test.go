package store

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]s3.Options{
		"https://archive.s3.us-east-1.amazonaws.com":           {Region: "us-east-1"},
		"https://archive.s3-fips.us-east-1.amazonaws.com":      {Region: "us-east-1", EndpointOptions: s3.EndpointResolverOptions{UseFIPSEndpoint: aws.FIPSEndpointStateEnabled}},
		"https://archive.s3.dualstack.us-east-1.amazonaws.com": {Region: "us-east-1", EndpointOptions: s3.EndpointResolverOptions{UseDualStackEndpoint: aws.DualStackEndpointStateEnabled}},
		"http://127.0.0.1:1/archive":                           {Region: "us-east-1", UsePathStyle: true, BaseEndpoint: aws.String("http://127.0.0.1:1")},
	} {
		if got := Address(t.Context(), s3.New(o), "archive"); got == nil || got.String() != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if got := Address(t.Context(), s3.New(s3.Options{}), "archive"); got != nil {
		t.Errorf("without a region %s", got)
	}
}
