package secret

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]secretsmanager.Options{
		"https://secretsmanager.us-east-1.amazonaws.com":      {Region: "us-east-1"},
		"https://secretsmanager-fips.us-east-1.amazonaws.com": {Region: "us-east-1", EndpointOptions: secretsmanager.EndpointResolverOptions{UseFIPSEndpoint: aws.FIPSEndpointStateEnabled}},
		"http://127.0.0.1:1": {Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1")},
	} {
		if got := Address(t.Context(), secretsmanager.New(o)); got == nil || got.String() != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if got := Address(t.Context(), secretsmanager.New(secretsmanager.Options{})); got != nil {
		t.Errorf("without a region %s", got)
	}
}
