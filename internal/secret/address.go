package secret

import (
	"context"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Address returns the address at which a client calls Secrets Manager, by its region and
// kind of endpoint; nil: its settings give none, and its first call will fail.
func Address(ctx context.Context, client *secretsmanager.Client) *url.URL {
	o := client.Options()
	found, err := o.EndpointResolverV2.ResolveEndpoint(ctx, secretsmanager.EndpointParameters{
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	})
	if err != nil || o.Region == "" {
		return nil
	}
	return &found.URI
}
