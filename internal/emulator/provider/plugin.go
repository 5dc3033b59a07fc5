package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// CookieVariable is the environment variable by which a process can tell that Terraform has started it as a plugin.
const CookieVariable = "TF_PLUGIN_MAGIC_COOKIE"

// ServePlugin makes this process the provider, as Terraform starts one that it has found by itself: in a registry or a
// mirror. It ends when Terraform does. Standard output belongs to the handshake: nothing may be printed before.
// https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol
func ServePlugin() error {
	return tf5server.Serve(Address, func() tfprotov5.ProviderServer {
		return schema.NewGRPCProviderServer(newProvider(context.Background(), nil))
	})
}
