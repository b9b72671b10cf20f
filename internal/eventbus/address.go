package eventbus

import (
	"context"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// Address returns the URL at which a client calls EventBridge, by its region and kind of
// endpoint; nil: the client's settings lead to no address, and its calls will fail.
func Address(ctx context.Context, client *eventbridge.Client) *url.URL {
	o := client.Options()
	found, err := o.EndpointResolverV2.ResolveEndpoint(ctx, eventbridge.EndpointParameters{
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	})
	if err != nil || o.Region == "" {
		return nil
	}
	return &found.URI
}
