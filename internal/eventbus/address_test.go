package eventbus

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]eventbridge.Options{
		"https://events.us-east-1.amazonaws.com":      {Region: "us-east-1"},
		"https://events-fips.us-east-1.amazonaws.com": {Region: "us-east-1", EndpointOptions: eventbridge.EndpointResolverOptions{UseFIPSEndpoint: aws.FIPSEndpointStateEnabled}},
		"https://events.us-east-1.api.aws":            {Region: "us-east-1", EndpointOptions: eventbridge.EndpointResolverOptions{UseDualStackEndpoint: aws.DualStackEndpointStateEnabled}},
		"http://127.0.0.1:1":                          {Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1")},
	} {
		if got := Address(t.Context(), eventbridge.New(o)); got == nil || got.String() != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if got := Address(t.Context(), eventbridge.New(eventbridge.Options{})); got != nil {
		t.Errorf("without a region %s", got)
	}
}
